// SPDX-License-Identifier: Apache-2.0

extension UInt8 {
    /// Whether the byte is one of `A-Za-z0-9` in ASCII, of which most of what protocols call a token is made.
    @inlinable public var isASCIILetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
