// SPDX-License-Identifier: Apache-2.0

/// Base64url without padding (RFC 4648, 5; RFC 7515, 2), in its one canonical form.
public enum Base64URL {
    /// The bytes; `nil` for padding, any other character, or stray bits at the end.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        // Over the bytes in place where there is one piece of them: ids are read for every request.
        text.withContiguousStorageIfAvailable { Self.decode(contiguous: $0) } ?? Self.decode(contiguous: Array(text))
    }

    /// The text of `bytes`.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.underestimatedCount / 3 * 4 + 4)
        var pending: UInt32 = 0
        var bits = 0
        for byte in bytes {
            pending = pending << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(Self.character(of: pending >> bits))
            }
            pending &= (1 << bits) - 1
        }
        if bits > 0 { text.append(Self.character(of: pending << (6 - bits))) }
        return String(decoding: text, as: UTF8.self)
    }

    private static func decode(contiguous text: some RandomAccessCollection<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var pending: UInt32 = 0
        var bits = 0
        for character in text {
            guard let value = Self.value(of: character) else { return nil }
            pending = pending << 6 | value
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: pending >> bits))
            pending &= (1 << bits) - 1
        }
        return pending == 0 ? bytes : nil
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }

    private static func character(of value: UInt32) -> UInt8 {
        switch UInt8(truncatingIfNeeded: value & 63) {
        case let value where value < 26: UInt8(ascii: "A") + value
        case let value where value < 52: UInt8(ascii: "a") + value - 26
        case let value where value < 62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "-")
        default: UInt8(ascii: "_")
        }
    }
}
