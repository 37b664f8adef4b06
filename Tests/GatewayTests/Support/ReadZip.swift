// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// A zip of small files, read by its directory: for tests, and independent of what writes it.
struct ReadZip {
    struct File: Equatable {
        let name: String
        let bytes: Data
    }

    struct Malformed: Error {}

    /// In the order of the directory.
    let files: [File]

    init(_ data: Data) throws {
        let zip = ByteBuffer(bytes: data)
        let end = zip.readableBytes - 22
        guard end >= 0, zip.getInteger(at: end, endianness: .little) == 0x0605_4B50 as UInt32,
            let count: UInt16 = zip.getInteger(at: end + 10, endianness: .little),
            let start: UInt32 = zip.getInteger(at: end + 16, endianness: .little)
        else { throw Malformed() }
        var files: [File] = []
        var place = Int(start)
        for _ in 0..<count {
            let (file, length) = try Self.file(in: zip, at: place)
            files.append(file)
            place += length
        }
        guard place == end else { throw Malformed() }
        self.files = files
    }

    var names: [String] { self.files.map(\.name) }

    func text(_ name: String) -> String? {
        self.files.first { $0.name == name }.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    private static func file(in zip: ByteBuffer, at place: Int) throws -> (File, Int) {
        func short(_ offset: Int) -> Int {
            zip.getInteger(at: offset, endianness: .little, as: UInt16.self).map(Int.init) ?? -1
        }
        func long(_ offset: Int) -> Int {
            zip.getInteger(at: offset, endianness: .little, as: UInt32.self).map(Int.init) ?? -1
        }
        let local = long(place + 42)
        guard long(place) == 0x0201_4B50, long(local) == 0x0403_4B50, short(place + 8) == 0x0808,
            long(place + 20) == long(place + 24), let name = zip.getString(at: place + 46, length: short(place + 28)),
            zip.getString(at: local + 30, length: short(local + 26)) == name,
            let bytes = zip.getBytes(at: local + 30 + short(local + 26) + short(local + 28), length: long(place + 24)),
            Self.crc(bytes) == long(place + 16)
        else { throw Malformed() }
        return (File(name: name, bytes: Data(bytes)), 46 + short(place + 28) + short(place + 30))
    }

    /// Bit by bit: slow, and plainly the definition.
    private static func crc(_ bytes: [UInt8]) -> Int {
        var crc: UInt32 = .max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return Int(~crc)
    }
}
