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

    /// The types of the frames that came, in order.
    static func types(in bytes: [UInt8]) -> [UInt8] {
        var types: [UInt8] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard rest.count >= 9 + length else { break }
            types.append(head[3])
            rest = rest.dropFirst(9 + length)
        }
        return types
    }
}
