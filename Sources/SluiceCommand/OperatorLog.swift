// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Gateway
import Logging

/// The operator's log on standard error, as lines of text or of JSON.
///
/// Every request gives its logger an id, and most log nothing: unlike `StreamLogHandler`, which writes the lines, this
/// makes no text of the metadata before there is one.
struct OperatorLog: LogHandler {
    let label: String
    let format: Configuration.LogFormat
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        switch self.format {
        case .text:
            var lines = StreamLogHandler.standardError(label: self.label)
            lines.logLevel = self.logLevel
            lines.metadata = self.metadata
            lines.log(event: event)
        case .json:
            // One write for the whole line, so that lines of several threads do not mix.
            FileHandle.standardError.write(self.line(event))
        }
    }

    /// The members of our own win over metadata of the same name.
    private func line(_ event: LogEvent) -> Data {
        var members = self.metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { JSONValue($0) }
        if let error = event.error { members["error"] = .string("\(error)") }
        members["time"] = .string(RFC3339.format(Date()))
        members["level"] = .string(event.level.rawValue)
        members["logger"] = .string(self.label)
        members["message"] = .string("\(event.message)")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ((try? encoder.encode(JSONValue.object(members))) ?? Data()) + Data("\n".utf8)
    }
}

extension JSONValue {
    /// The JSON of a value beside a message.
    fileprivate init(_ value: Logger.MetadataValue) {
        switch value {
        case .array(let values): self = .array(values.map { JSONValue($0) })
        case .dictionary(let members): self = .object(members.mapValues { JSONValue($0) })
        default: self = .string("\(value)")
        }
    }
}
