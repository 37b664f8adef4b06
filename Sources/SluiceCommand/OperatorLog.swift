// SPDX-License-Identifier: Apache-2.0

import Logging

/// The operator's log on standard error.
///
/// Every request gives its logger an id, and most log nothing: unlike `StreamLogHandler`, which writes the lines, this
/// makes no text of the metadata before there is one.
struct OperatorLog: LogHandler {
    let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var lines = StreamLogHandler.standardError(label: self.label)
        lines.logLevel = self.logLevel
        lines.metadata = self.metadata
        lines.log(event: event)
    }
}
