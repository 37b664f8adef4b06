// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Writes what stands around the bytes of a zip's members (PKWARE's APPNOTE 6.3.10); it never sees those bytes.
///
/// ```swift
/// let head = writer.begin(member)      // then the member's bytes
/// let tail = writer.end(crc: crc, size: size)
/// while let piece = writer.directoryPiece() { … }
/// ```
/// Members are stored, not deflated, with their CRC-32 behind them, since nobody knows it before: so the length of the whole
/// is known wherever the sizes are. Each has its sizes before it as well, where they are known, for readers that stream. ZIP64 is used
/// where numbers need it, and for members of unknown size. Sizes together must stay below 2^62.
struct ZipWriter {
    private struct Entry {
        let member: ZipMember
        let offset: Int64
        var crc: UInt32 = 0
        var size: Int64 = 0
    }

    /// The first number that 32 bits cannot say: all ones means "see ZIP64".
    static let wide: Int64 = 0xFFFF_FFFF
    private static let wideCount = 0xFFFF
    private static let entriesInPiece = 256
    /// Sizes and checksum follow the bytes (bit 3); names are UTF-8 (bit 11).
    private static let flags: UInt16 = 1 << 3 | 1 << 11
    /// Made on Unix, as of version 4.5, so that the permissions below count.
    private static let madeBy: UInt16 = 3 << 8 | 45
    /// A regular file that its owner may write and all may read.
    private static let attributes: UInt32 = 0o100644 << 16

    /// The bytes of the archive so far, those of the members too.
    private(set) var count: Int64 = 0
    private var entries: [Entry] = []
    private var directoryStart: Int64?
    private var directoryIndex = 0
    private var hasEnded = false

    /// The bytes of a whole archive; `nil` where the size of a member is not known.
    static func length(of members: [ZipMember]) -> Int64? {
        var writer = ZipWriter()
        for member in members {
            guard let size = member.size else { return nil }
            _ = writer.begin(member)
            _ = writer.end(crc: 0, size: size)
        }
        while writer.directoryPiece() != nil {}
        return writer.count
    }

    // MARK: Members

    /// What stands before the bytes of a member.
    mutating func begin(_ member: ZipMember) -> ByteBuffer {
        var header = ByteBuffer()
        header.write(0x0403_4B50 as UInt32)
        Self.writeCommon(member, crc: 0, size: member.isWide ? Self.wide : member.size ?? 0, to: &header)
        var extra = Self.timestamp(member)
        if member.isWide { extra.writeExtra(1, [member.size ?? 0, member.size ?? 0]) }
        header.write(UInt16(clamping: extra.readableBytes))
        header.writeString(member.path)
        header.writeBuffer(&extra)
        self.entries.append(Entry(member: member, offset: self.count))
        self.count += Int64(header.readableBytes)
        return header
    }

    /// What stands behind the bytes of the member that was begun last.
    mutating func end(crc: UInt32, size: Int64) -> ByteBuffer {
        guard var entry = self.entries.popLast() else { return ByteBuffer() }
        (entry.crc, entry.size) = (crc, size)
        self.entries.append(entry)
        var descriptor = ByteBuffer()
        descriptor.write(0x0807_4B50 as UInt32)
        descriptor.write(crc)
        for number in [size, size] {
            if entry.member.isWide { descriptor.write(number) } else { descriptor.write(UInt32(clamping: number)) }
        }
        self.count += size + Int64(descriptor.readableBytes)
        return descriptor
    }

    /// From the version that is needed to the length of the name: the same before the bytes and in the directory.
    private static func writeCommon(_ member: ZipMember, crc: UInt32, size: Int64, to buffer: inout ByteBuffer) {
        let time = ZipTime(member.modifiedAt)
        buffer.write(member.isWide ? 45 : 20 as UInt16)
        buffer.write(Self.flags)
        buffer.write(0 as UInt16)
        buffer.write(time.dosTime)
        buffer.write(time.dosDate)
        buffer.write(crc)
        for _ in 1...2 { buffer.write(UInt32(clamping: size)) }
        buffer.write(UInt16(clamping: member.path.utf8.count))
    }

    /// The extended timestamp (0x5455), with the time of the last change only.
    private static func timestamp(_ member: ZipMember) -> ByteBuffer {
        var extra = ByteBuffer()
        guard let unix = ZipTime(member.modifiedAt).unix else { return extra }
        extra.write(0x5455 as UInt16)
        extra.write(5 as UInt16)
        extra.write(1 as UInt8)
        extra.write(unix)
        return extra
    }

    // MARK: Directory

    /// The next piece of what stands behind the last member; `nil` after the last piece.
    mutating func directoryPiece() -> ByteBuffer? {
        guard !self.hasEnded else { return nil }
        let start = self.directoryStart ?? self.count
        self.directoryStart = start
        var piece = ByteBuffer()
        for entry in self.entries.dropFirst(self.directoryIndex).prefix(Self.entriesInPiece) {
            Self.write(entry, to: &piece)
            self.directoryIndex += 1
        }
        self.count += Int64(piece.readableBytes)
        guard self.directoryIndex == self.entries.count else { return piece }
        var end = self.end(directoryAt: start)
        self.count += Int64(end.readableBytes)
        self.hasEnded = true
        piece.writeBuffer(&end)
        return piece
    }

    private static func write(_ entry: Entry, to piece: inout ByteBuffer) {
        piece.write(0x0201_4B50 as UInt32)
        piece.write(Self.madeBy)
        Self.writeCommon(entry.member, crc: entry.crc, size: entry.size, to: &piece)
        var extra = Self.timestamp(entry.member)
        // Only what does not fit is said again, in this order.
        let sizes = entry.size >= Self.wide ? [entry.size, entry.size] : []
        let numbers = sizes + (entry.offset >= Self.wide ? [entry.offset] : [])
        if !numbers.isEmpty { extra.writeExtra(1, numbers) }
        piece.write(UInt16(clamping: extra.readableBytes))
        // Comment, disk, inner attributes.
        for _ in 1...3 { piece.write(0 as UInt16) }
        piece.write(Self.attributes)
        piece.write(UInt32(clamping: entry.offset))
        piece.writeString(entry.member.path)
        piece.writeBuffer(&extra)
    }

    /// The end of the directory, which lies between `start` and ``count``; the one of ZIP64 before it where needed.
    private func end(directoryAt start: Int64) -> ByteBuffer {
        let size = self.count - start
        var end = ByteBuffer()
        if self.entries.count >= Self.wideCount || start >= Self.wide || size >= Self.wide {
            end.write(0x0606_4B50 as UInt32)
            end.write(44 as Int64)
            end.write(Self.madeBy)
            end.write(45 as UInt16)
            for _ in 1...2 { end.write(0 as UInt32) }
            for _ in 1...2 { end.write(Int64(self.entries.count)) }
            end.write(size)
            end.write(start)
            end.write(0x0706_4B50 as UInt32)
            end.write(0 as UInt32)
            end.write(self.count)
            end.write(1 as UInt32)
        }
        end.write(0x0605_4B50 as UInt32)
        for _ in 1...2 { end.write(0 as UInt16) }
        for _ in 1...2 { end.write(UInt16(clamping: self.entries.count)) }
        end.write(UInt32(clamping: size))
        end.write(UInt32(clamping: start))
        end.write(0 as UInt16)
        return end
    }
}

extension ByteBuffer {
    fileprivate mutating func write(_ number: some FixedWidthInteger) { self.writeInteger(number, endianness: .little) }

    /// Writes an extra field of 8-byte numbers.
    fileprivate mutating func writeExtra(_ id: UInt16, _ numbers: [Int64]) {
        self.write(id)
        self.write(UInt16(clamping: numbers.count * 8))
        for number in numbers { self.write(number) }
    }
}
