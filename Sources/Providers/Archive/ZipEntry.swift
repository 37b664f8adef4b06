// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// The head of one file in a zip, as its local file header says it (APPNOTE 4.3.7).
struct ZipEntry: Hashable, Sendable {
    /// The path inside the archive, not to be trusted.
    var name: String
    /// 0: stored, 8: deflated.
    var method: UInt16
    /// Whether it is encrypted, which no reader here can undo.
    var isEncrypted: Bool
    /// Whether the sizes and the checksum follow the data instead of standing before it.
    var hasDescriptor: Bool
    /// CRC-32, where it is known before the data.
    var crc: UInt32?
    /// Packed bytes, where they are known before the data.
    var packedSize: Int64?
    /// Bytes of the file, where they are known before the data.
    var size: Int64?

    /// Whether it is a folder.
    var isDirectory: Bool { self.name.hasSuffix("/") || self.name.hasSuffix("\\") }

    /// Reads what follows a header's signature: 26 bytes of `fixed`, then `variable` with the name and the extra fields.
    init?(fixed: ByteBuffer, variable: ByteBuffer) {
        var fixed = fixed
        guard
            let (_, flags, method, _, _) = fixed.readMultipleIntegers(
                endianness: .little,
                as: (UInt16, UInt16, UInt16, UInt16, UInt16).self
            ),
            let (crc, packed, size) = fixed.readMultipleIntegers(
                endianness: .little,
                as: (UInt32, UInt32, UInt32).self
            ),
            let nameLength: UInt16 = fixed.readInteger(endianness: .little)
        else { return nil }
        var variable = variable
        guard let name = variable.readString(length: Int(nameLength)) else { return nil }
        var wide = ZipEntry.wideSizes(in: variable)
        self.name = name
        self.method = method
        self.isEncrypted = flags & 1 != 0
        self.hasDescriptor = flags & 8 != 0
        // The order in the extra field: the file's size, then the packed size, each only where the header has no room for it.
        let fullSize = size == .max ? wide.next() : UInt64(size)
        let fullPacked = packed == .max ? wide.next() : UInt64(packed)
        guard let fullSize, let fullPacked, let size = Int64(exactly: fullSize), let packed = Int64(exactly: fullPacked)
        else {
            return nil
        }
        // With a descriptor the fields here are zero, or a writer's estimate.
        guard !self.hasDescriptor else { return }
        (self.crc, self.packedSize, self.size) = (crc, packed, size)
    }

    /// The lengths of the name and the extra fields, from the end of a header's fixed part.
    static func variableLength(_ fixed: ByteBuffer) -> Int? {
        let at = fixed.readerIndex + 22
        guard let name: UInt16 = fixed.getInteger(at: at, endianness: .little),
            let extra: UInt16 = fixed.getInteger(at: at + 2, endianness: .little)
        else { return nil }
        return Int(name) + Int(extra)
    }

    /// The 8-byte numbers of the ZIP64 extra field (APPNOTE 4.5.3), in their order.
    private static func wideSizes(in extra: ByteBuffer) -> IndexingIterator<[UInt64]> {
        var extra = extra
        while let (id, length) = extra.readMultipleIntegers(endianness: .little, as: (UInt16, UInt16).self),
            var field = extra.readSlice(length: Int(length))
        {
            guard id == 1 else { continue }
            var numbers: [UInt64] = []
            while let number: UInt64 = field.readInteger(endianness: .little) { numbers.append(number) }
            return numbers.makeIterator()
        }
        return [].makeIterator()
    }
}
