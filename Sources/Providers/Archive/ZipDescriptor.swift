// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What a reader counted of an entry, to be found again in the descriptor behind its data (APPNOTE 4.3.9).
struct ZipDescriptor {
    var crc: UInt32
    var packedSize: Int64
    var size: Int64

    /// The longest form: signature, checksum and two sizes of 8 bytes.
    static let longest = 24

    static let signature: UInt32 = 0x0807_4B50

    /// The length of the descriptor at the front of `window` that says the same, or `nil` where none does.
    ///
    /// Its signature is optional and its sizes have 4 or 8 bytes, and nothing before it says which: so each is tried.
    func length(in window: ByteBuffer) -> Int? {
        self.signedLength(in: window) ?? self.length(in: window, isSigned: false)
    }

    /// The same for a descriptor with a signature.
    func signedLength(in window: ByteBuffer) -> Int? { self.length(in: window, isSigned: true) }

    /// Where, after the first byte of `window`, the next signature stands; `nil` where there is none.
    static func mark(in window: ByteBuffer) -> Int? {
        window.withUnsafeReadableBytes { bytes in
            // Every index is below the bound of the loop.
            for start in 1..<max(2, bytes.count - 3)
            where bytes.count >= start + 4
                && bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self).littleEndian
                    == Self.signature
            {
                return start
            }
            return nil
        }
    }

    private func length(in window: ByteBuffer, isSigned: Bool) -> Int? {
        var start = window
        if isSigned {
            guard let first: UInt32 = start.readInteger(endianness: .little), first == Self.signature else {
                return nil
            }
        }
        guard let crc: UInt32 = start.readInteger(endianness: .little), crc == self.crc else { return nil }
        let before = isSigned ? 8 : 4
        var (narrow, wide) = (start, start)
        if let sizes = narrow.readMultipleIntegers(endianness: .little, as: (UInt32, UInt32).self),
            sizes == (UInt32(truncatingIfNeeded: self.packedSize), UInt32(truncatingIfNeeded: self.size)),
            self.packedSize <= UInt32.max, self.size <= UInt32.max
        {
            return before + 8
        }
        if let sizes = wide.readMultipleIntegers(endianness: .little, as: (UInt64, UInt64).self),
            sizes == (UInt64(self.packedSize), UInt64(self.size))
        {
            return before + 16
        }
        return nil
    }
}
