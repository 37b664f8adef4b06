// SPDX-License-Identifier: Apache-2.0

/// Frames of HTTP/2 (RFC 9113) by hand, for what no client would send.
enum HTTP2Frames {
    /// The client's preface and empty settings.
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(0x4, flags: 0, stream: 0, [])

    static func frame(_ type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
            + [24, 16, 8, 0].map { UInt8(stream >> $0 & 0xFF) } + payload
    }

    /// The header block of `GET /healthz` (RFC 7541), its values as they are.
    static let health: [UInt8] =
        // :method GET, :scheme https, :path, :authority
        [0x82, 0x87, 0x04, 8] + Array("/healthz".utf8) + [0x01, 9] + Array("localhost".utf8)

    /// A whole request.
    static func get(stream: UInt32) -> [UInt8] { frame(0x1, flags: 0x5, stream: stream, health) }

    /// Its end from the client's side.
    static func reset(stream: UInt32) -> [UInt8] { frame(0x3, flags: 0, stream: stream, [0, 0, 0, 8]) }

    /// A head that goes on in what follows.
    static func openHead(stream: UInt32) -> [UInt8] { frame(0x1, flags: 0x1, stream: stream, health) }

    /// More of a head, and not its end.
    static func continuation(stream: UInt32) -> [UInt8] {
        frame(0x9, flags: 0, stream: stream, [0x00, 1, UInt8(ascii: "a"), 1, UInt8(ascii: "b")])
    }

    /// A request whose target is what it is told to be.
    static func get(stream: UInt32, target: String) -> [UInt8] {
        let path: [UInt8] = [0x04, UInt8(target.utf8.count)] + Array(target.utf8)
        return frame(0x1, flags: 0x5, stream: stream, [0x82, 0x87] + path + [0x01, 9] + Array("localhost".utf8))
    }

    /// A request whose body is still to come.
    static func post(stream: UInt32) -> [UInt8] { frame(0x1, flags: 0x4, stream: stream, [0x83] + health.dropFirst()) }

    /// A part of a body, without a byte.
    static func emptyData(stream: UInt32) -> [UInt8] { frame(0x0, flags: 0, stream: stream, []) }

    static let ping = frame(0x6, flags: 0, stream: 0, [UInt8](repeating: 1, count: 8))
    static let settings = frame(0x4, flags: 0, stream: 0, [])

    /// Room for no more bytes, which is an error: the server resets the stream.
    static func emptyWindow(stream: UInt32) -> [UInt8] { frame(0x8, flags: 0, stream: stream, [0, 0, 0, 0]) }

    /// A head that says it has a priority, and has not.
    static func missingPriority(stream: UInt32) -> [UInt8] { frame(0x1, flags: 0x25, stream: stream, []) }

    /// The types of the frames that came, in order.
    static func types(in bytes: [UInt8]) -> [UInt8] { frames(in: bytes).map(\.type) }

    /// What a client owes for the pings that came (RFC 9113, 6.7).
    static func acknowledgements(ofPingsIn bytes: [UInt8]) -> [UInt8] {
        frames(in: bytes).filter { $0.type == 0x6 }.flatMap { frame(0x6, flags: 0x1, stream: 0, $0.payload) }
    }

    private static func frames(in bytes: [UInt8]) -> [(type: UInt8, payload: [UInt8])] {
        var frames: [(type: UInt8, payload: [UInt8])] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard rest.count >= 9 + length else { break }
            frames.append((head[3], Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }
}
