// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

/// An event of `text/event-stream` (WHATWG HTML, 9.2).
struct ServerSentEvent: Hashable, Sendable {
    /// What kind of event it is.
    var name: String
    /// Where a listener that comes back goes on from; it sends it as `Last-Event-ID`.
    var id: String?
    /// What it says.
    var data: String

    /// What listeners ignore; it shows that the connection lives, to them and to what stands between.
    static let heartbeat = ByteBuffer(string: ":\n\n")

    /// Writes the event: a line break in what it holds never begins a field, or an event, of its own.
    func encode(into buffer: inout ByteBuffer) {
        Self.writeField("event", self.name, into: &buffer)
        if let id { Self.writeField("id", id, into: &buffer) }
        for line in self.data.split(omittingEmptySubsequences: false, whereSeparator: \.isLineEnd) {
            buffer.writeString("data: ")
            buffer.writeSubstring(line)
            buffer.writeString("\n")
        }
        buffer.writeString("\n")
    }

    private static func writeField(_ name: String, _ value: String, into buffer: inout ByteBuffer) {
        buffer.writeString("\(name): ")
        buffer.writeString(
            String(value.unicodeScalars.filter { !"\r\n\0".unicodeScalars.contains($0) }.map(Character.init))
        )
        buffer.writeString("\n")
    }
}

extension Character {
    /// Whether it ends a line of an event stream; CR and LF together are one character.
    fileprivate var isLineEnd: Bool { self == "\n" || self == "\r" || self == "\r\n" }
}

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .server
}
