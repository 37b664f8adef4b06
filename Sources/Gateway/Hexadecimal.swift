// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Sequence<UInt8> {
    /// Lower-case hex.
    var hexadecimal: String {
        self.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension Data {
    /// Reads lower- or upper-case hex; anything else is `nil`.
    init?(hexadecimal text: String) {
        let digits = text.utf8.map { UInt8(Character(UnicodeScalar($0)).hexDigitValue ?? 255) }
        guard digits.count.isMultiple(of: 2), digits.allSatisfy({ $0 < 16 }) else { return nil }
        self.init(stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }
}
