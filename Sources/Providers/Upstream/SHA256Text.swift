// SPDX-License-Identifier: Apache-2.0

extension String {
    /// This text in lower case if it is a SHA-256 in hexadecimal; else `nil`.
    var asSHA256: String? {
        let isHex = self.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
        }
        return isHex && self.utf8.count == 64 ? self.lowercased() : nil
    }
}
