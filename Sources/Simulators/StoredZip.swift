// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// A zip of uncompressed entries, made while it is sent (APPNOTE 4.3); without entries it is the 22 bytes of its end record.
struct StoredZip {
    struct Entry {
        var name: String
        var modifiedAt: Date
        var contents: SimulatedContents
    }

    let entries: [Entry]

    var body: SimulatedBody {
        var body = SimulatedBody()
        var directory = ByteBuffer()
        var offset: Int64 = 0
        for entry in self.entries {
            let name = Array(entry.name.utf8)
            var header = ByteBuffer()
            header.writeInteger(0x0403_4B50, endianness: .little, as: UInt32.self)
            Self.writeCommon(entry, name.count, to: &header)
            header.writeBytes(name)
            directory.writeInteger(0x0201_4B50, endianness: .little, as: UInt32.self)
            directory.writeInteger(20, endianness: .little, as: UInt16.self)
            Self.writeCommon(entry, name.count, to: &directory)
            // No comment, first disk, no attributes.
            directory.writeRepeatingByte(0, count: 10)
            directory.writeInteger(UInt32(truncatingIfNeeded: offset), endianness: .little)
            directory.writeBytes(name)
            offset += Int64(header.readableBytes) + entry.contents.size
            body.pieces.append(.bytes(header))
            body.pieces.append(.file(entry.contents, 0..<entry.contents.size))
        }
        body.pieces.append(.bytes(directory))
        body.pieces.append(.bytes(self.end(directoryAt: offset, bytes: directory.readableBytes)))
        return body
    }

    /// The part that a local header and a directory entry share: version 2.0, UTF-8 names, stored.
    private static func writeCommon(_ entry: Entry, _ nameLength: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(20, endianness: .little, as: UInt16.self)
        buffer.writeInteger(0x0800, endianness: .little, as: UInt16.self)
        buffer.writeInteger(0, endianness: .little, as: UInt16.self)
        let (time, date) = Self.dosTime(entry.modifiedAt)
        buffer.writeInteger(time, endianness: .little)
        buffer.writeInteger(date, endianness: .little)
        buffer.writeInteger(entry.contents.crc32, endianness: .little)
        let size = UInt32(truncatingIfNeeded: entry.contents.size)
        buffer.writeInteger(size, endianness: .little)
        buffer.writeInteger(size, endianness: .little)
        buffer.writeInteger(UInt16(truncatingIfNeeded: nameLength), endianness: .little)
        buffer.writeInteger(0, endianness: .little, as: UInt16.self)
    }

    private func end(directoryAt offset: Int64, bytes: Int) -> ByteBuffer {
        var end = ByteBuffer()
        let count = UInt16(truncatingIfNeeded: self.entries.count)
        end.writeInteger(0x0605_4B50, endianness: .little, as: UInt32.self)
        end.writeInteger(0, endianness: .little, as: UInt32.self)
        end.writeInteger(count, endianness: .little)
        end.writeInteger(count, endianness: .little)
        end.writeInteger(UInt32(truncatingIfNeeded: bytes), endianness: .little)
        end.writeInteger(UInt32(truncatingIfNeeded: offset), endianness: .little)
        end.writeInteger(0, endianness: .little, as: UInt16.self)
        return end
    }

    private static func dosTime(_ time: Date) -> (UInt16, UInt16) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: time)
        let clock = (parts.hour ?? 0) << 11 | (parts.minute ?? 0) << 5 | (parts.second ?? 0) / 2
        let day = max(0, (parts.year ?? 1980) - 1980) << 9 | (parts.month ?? 1) << 5 | (parts.day ?? 1)
        return (UInt16(truncatingIfNeeded: clock), UInt16(truncatingIfNeeded: day))
    }
}

/// The checksum of zip, four bytes a step so that a debug build keeps pace.
struct CRC32 {
    private static let tables: [[UInt32]] = {
        var tables = [[UInt32]](repeating: [UInt32](repeating: 0, count: 256), count: 4)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
            tables[0][index] = value
        }
        for index in 0..<256 {
            for table in 1..<4 {
                let value = tables[table - 1][index]
                tables[table][index] = (value >> 8) ^ tables[0][Int(value & 0xFF)]
            }
        }
        return tables
    }()

    private var state: UInt32 = 0xFFFF_FFFF

    var value: UInt32 { ~self.state }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let (first, second, third, fourth) = (Self.tables[0], Self.tables[1], Self.tables[2], Self.tables[3])
        var index = 0
        while index + 4 <= bytes.count {
            let word = self.state ^ UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            self.state =
                fourth[Int(word & 0xFF)] ^ third[Int(word >> 8 & 0xFF)] ^ second[Int(word >> 16 & 0xFF)]
                ^ first[Int(word >> 24)]
            index += 4
        }
        while index < bytes.count {
            self.state = first[Int((self.state ^ UInt32(bytes[index])) & 0xFF)] ^ (self.state >> 8)
            index += 1
        }
    }
}
