// SPDX-License-Identifier: Apache-2.0

/// The head of one file in a tar (POSIX.1-1988, `ustar`), 512 bytes.
enum TarHeader {
    static let blockSize = 512

    /// What follows the last file.
    static let end = [UInt8](repeating: 0, count: 2 * Self.blockSize)

    /// The head of a regular file that only its owner reads and writes.
    ///
    /// `name` is at most 100 bytes of ASCII. A size of 8 GiB and more is written in base 256, as GNU, BSD and Python tar read it.
    static func file(_ name: String, size: Int64, modified seconds: Int64) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockSize)
        func put(_ bytes: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in zip(offset..., bytes) { block[index] = byte }
        }
        put(name.utf8.prefix(100), at: 0)
        put(Self.octal(0o600, digits: 7), at: 100)
        put(Self.octal(0, digits: 7), at: 108)
        put(Self.octal(0, digits: 7), at: 116)
        put(size < 1 << 33 ? Self.octal(size, digits: 11) : Self.base256(size), at: 124)
        put(Self.octal(max(seconds, 0), digits: 11), at: 136)
        put("        0".utf8, at: 148)
        put([UInt8(ascii: "0")], at: 156)
        put("ustar\u{0}00".utf8, at: 257)
        let sum = block.reduce(Int64(0)) { $0 + Int64($1) }
        put(Self.octal(sum, digits: 6) + [0, 0x20], at: 148)
        return block
    }

    /// What a file of this size is filled up with.
    static func padding(after size: Int64) -> [UInt8] {
        let rest = Int(size % Int64(Self.blockSize))
        return [UInt8](repeating: 0, count: rest == 0 ? 0 : Self.blockSize - rest)
    }

    private static func octal(_ number: Int64, digits: Int) -> [UInt8] {
        let text = String(number, radix: 8)
        return Array(String(repeating: "0", count: max(0, digits - text.count)).utf8) + Array(text.utf8)
    }

    private static func base256(_ number: Int64) -> [UInt8] {
        [0x80, 0, 0, 0] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
