// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// The operator's log, kept as text.
final class CapturedLog: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { self.lines.withLock { $0.joined(separator: "\n") } }

    /// A logger that writes here, everything.
    var logger: Logger {
        var logger = Logger(label: "sluice") { _ in Handler(log: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }
            let line = "\(event.level) \(event.message) \(metadata) \(event.error.map { "\($0)" } ?? "")"
            self.log.lines.withLock { $0.append(line) }
        }
    }
}
