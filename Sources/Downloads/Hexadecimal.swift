// SPDX-License-Identifier: Apache-2.0

public import Foundation

extension Sequence<UInt8> {
    /// The bytes in lower-case hexadecimal.
    public var hexadecimal: String {
        // Once for all kinds of sequences: what follows is then no generic code.
        String(decoding: Array(self).hexadecimalDigits, as: UTF8.self)
    }
}

extension [UInt8] {
    fileprivate var hexadecimalDigits: [UInt8] {
        var digits: [UInt8] = []
        digits.reserveCapacity(2 * self.count)
        for byte in self {
            digits.append(Self.digit(byte >> 4))
            digits.append(Self.digit(byte & 15))
        }
        return digits
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }
}

extension UUID {
    /// Its text in lower case, which `uuidString` is not.
    public var lowercaseText: String {
        var digits = withUnsafeBytes(of: self.uuid) { Array($0) }.hexadecimalDigits
        for place in [20, 16, 12, 8] { digits.insert(UInt8(ascii: "-"), at: place) }
        return String(decoding: digits, as: UTF8.self)
    }
}

extension Data {
    /// Reads lower- or upper-case hexadecimal; anything else is `nil`.
    public init?(hexadecimal text: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 2)
        var rest = text.utf8[...]
        while let first = rest.popFirst() {
            guard let high = first.hexadecimalValue, let low = rest.popFirst()?.hexadecimalValue else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(bytes)
    }
}

extension UInt8 {
    /// The value of a hexadecimal digit in ASCII, lower- or upper-case; `nil` for any other byte.
    public var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
