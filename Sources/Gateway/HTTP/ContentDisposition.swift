// SPDX-License-Identifier: Apache-2.0

import Downloads

/// The `Content-Disposition` of a file (RFC 6266), with the name in both forms.
enum ContentDisposition {
    /// `attachment` with an ASCII `filename` and, where that is not the whole name, `filename*` (RFC 8187).
    static func attachment(filename: String) -> String {
        let ascii = String(decoding: filename.unicodeScalars.map(Self.asciiByte), as: UTF8.self)
        return "attachment; filename=\"\(ascii)\"; filename*=UTF-8''\(Self.percentEncoded(filename))"
    }

    // A quote or a backslash would need escaping, which clients read differently; a percent sign is decoded by some.
    private static func asciiByte(_ scalar: Unicode.Scalar) -> UInt8 {
        switch scalar {
        case "\"", "\\", "%": UInt8(ascii: "_")
        case " "..."~": UInt8(ascii: scalar)
        default: UInt8(ascii: "_")
        }
    }

    private static func percentEncoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            if Self.isAttributeByte(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `attr-char` of RFC 8187, 3.2.1.
    private static func isAttributeByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "!#$&+-.^_`|~".utf8.contains(byte)
    }
}
