// SPDX-License-Identifier: Apache-2.0

/// The `Content-Disposition` of a file (RFC 6266), with the name in both forms.
enum ContentDisposition {
    /// `attachment` with an ASCII `filename` and, where that is not the whole name, `filename*` (RFC 8187).
    static func attachment(filename: String) -> String {
        let ascii = String(String.UnicodeScalarView(filename.unicodeScalars.map(Self.asciiScalar)))
        return "attachment; filename=\"\(ascii)\"; filename*=UTF-8''\(Self.percentEncoded(filename))"
    }

    // A quote or a backslash would need escaping, which clients read differently; a percent sign is decoded by some.
    private static func asciiScalar(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        guard (0x20...0x7E).contains(scalar.value), !"\"\\%".unicodeScalars.contains(scalar) else { return "_" }
        return scalar
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
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$&+-.^_`|~".utf8.contains(byte)
        }
    }
}
