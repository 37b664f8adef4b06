// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import Gateway

@Suite struct ServerSentEventTests {
    private func encoded(_ event: ServerSentEvent) -> String {
        var buffer = ByteBuffer()
        event.encode(into: &buffer)
        return String(buffer: buffer)
    }

    @Test func anEventIsItsFieldsAndABlankLine() {
        let event = ServerSentEvent(name: "log", id: "log_7", data: #"{"a":1}"#)
        #expect(self.encoded(event) == "event: log\nid: log_7\ndata: {\"a\":1}\n\n")
        #expect(self.encoded(ServerSentEvent(name: "end", data: "")) == "event: end\ndata: \n\n")
        #expect(String(buffer: ServerSentEvent.heartbeat) == ":\n\n")
    }

    /// SwiftNIO GHSA-cq87-8r7h-962v in another place: a line break that came from outside must not begin a line of ours.
    @Test(arguments: ["\n", "\r", "\r\n"])
    func swiftNIOGHSA_cq87_8r7h_962v_lineBreaksBeginNothing(_ end: String) {
        let event = ServerSentEvent(
            name: "log\(end)data: evil",
            id: "1\(end)\(end)event: evil",
            data: "a\(end)\(end)event: evil\(end)"
        )
        #expect(
            self.encoded(event)
                == "event: logdata: evil\nid: 1event: evil\ndata: a\ndata: \ndata: event: evil\ndata: \n\n"
        )
    }

    @Test func aNullInAnIdIsLeftOut() {
        // A listener would ignore the whole id.
        #expect(self.encoded(ServerSentEvent(name: "a", id: "1\u{0}2", data: "x")) == "event: a\nid: 12\ndata: x\n\n")
    }
}
