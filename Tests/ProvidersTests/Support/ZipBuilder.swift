// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Builds zips for tests, sound and hostile, from APPNOTE alone: it shares nothing with the reader.
struct ZipBuilder {
    /// How the sizes and the checksum are written behind the data.
    enum Descriptor {
        case none
        case signed
        case unsigned
        case wide
    }

    private(set) var bytes = ByteBuffer()

    /// Adds a file; `packed` is its data as it stands in the archive.
    mutating func add(
        _ name: String,
        _ data: [UInt8],
        packed: [UInt8]? = nil,
        method: UInt16 = 0,
        flags: UInt16 = 0,
        descriptor: Descriptor = .none,
        isZIP64: Bool = false,
        crc: UInt32? = nil,
        size: UInt32? = nil
    ) {
        let packed = packed ?? data
        let crc = crc ?? Self.crc32(data)
        let size = size ?? UInt32(data.count)
        let isStreamed = descriptor != .none
        let extra = isZIP64 ? Self.integers([UInt64(data.count), UInt64(packed.count)]) : []
        self.write([UInt32(0x0403_4B50)])
        self.write([20, flags | (isStreamed ? 8 : 0), method, 0, 0] as [UInt16])
        let known = [crc, isZIP64 ? .max : UInt32(packed.count), isZIP64 ? .max : size]
        self.write(isStreamed ? [0, 0, 0] : known)
        self.write([UInt16(name.utf8.count), UInt16(isZIP64 ? 4 + extra.count : 0)])
        self.bytes.writeString(name)
        if isZIP64 {
            self.write([1, UInt16(extra.count)] as [UInt16])
            self.bytes.writeBytes(extra)
        }
        self.bytes.writeBytes(packed)
        switch descriptor {
        case .none: break
        case .signed: self.write([0x0807_4B50, crc, UInt32(packed.count), size])
        case .unsigned: self.write([crc, UInt32(packed.count), size])
        case .wide:
            self.write([0x0807_4B50, crc])
            self.bytes.writeBytes(Self.integers([UInt64(packed.count), UInt64(size)]))
        }
    }

    /// The archive with a directory's end, which alone is the empty archive of 22 bytes.
    func finished() -> ByteBuffer {
        var all = self
        all.write([UInt32(0x0605_4B50)])
        all.bytes.writeRepeatingByte(0, count: 18)
        return all.bytes
    }

    /// Raw deflate without compression: one stored block.
    static func deflated(_ data: [UInt8]) -> [UInt8] {
        let count = UInt16(data.count)
        return [1] + self.integers([count, ~count]) + data
    }

    /// Raw deflate of `1 + 258 * matches` zeros: one literal and then matches of the longest kind, in fixed codes.
    static func deflatedZeros(matches: Int) -> [UInt8] {
        var bits: [UInt8] = [1, 1, 0] + [0, 0, 1, 1, 0, 0, 0, 0]
        for _ in 0..<matches { bits += [1, 1, 0, 0, 0, 1, 0, 1] + [0, 0, 0, 0, 0] }
        bits += [0, 0, 0, 0, 0, 0, 0]
        return stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<min(start + 8, bits.count)].enumerated().reduce(UInt8(0)) { $0 | $1.element << $1.offset }
        }
    }

    static func crc32(_ data: [UInt8]) -> UInt32 {
        ~data.reduce(UInt32.max) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
    }

    private mutating func write<Integer: FixedWidthInteger>(_ values: [Integer]) {
        self.bytes.writeBytes(Self.integers(values))
    }

    private static func integers<Integer: FixedWidthInteger>(_ values: [Integer]) -> [UInt8] {
        values.flatMap { value in (0..<(Integer.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
    }
}
