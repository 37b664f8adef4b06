// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Testing

@testable import Gateway

/// What the gateway writes around files, as other programs read it.
@Suite struct ZipWriterTests {
    /// Writes a zip whose members are zeros that are not there: the file has holes, so that gigabytes cost nothing.
    private func write(_ members: [(ZipMember, size: Int64)], to file: URL) throws -> Int64 {
        try Data().write(to: file)
        let handle = try FileHandle(forWritingTo: file)
        var writer = ZipWriter()
        for (member, size) in members {
            try handle.write(contentsOf: Data(writer.begin(member).readableBytesView))
            let place = try handle.offset() + UInt64(size)
            try handle.seek(toOffset: place)
            try handle.write(contentsOf: Data(writer.end(crc: Self.crc(ofZeros: size), size: size).readableBytesView))
        }
        while let piece = writer.directoryPiece() { try handle.write(contentsOf: Data(piece.readableBytesView)) }
        let end = try handle.offset()
        try handle.close()
        #expect(writer.count == Int64(end))
        return writer.count
    }

    /// Right for none, and for four zeros; larger ones are not read.
    private static func crc(ofZeros count: Int64) -> UInt32 { count == 4 ? 0x2144_DF1C : 0 }

    @Test func whatIsAroundSmallFilesIsRight() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("small.zip")
            let time = Date(timeIntervalSince1970: 1_795_161_601)
            let members: [(ZipMember, size: Int64)] = [
                (ZipMember(path: "a/données é.txt", size: 4, modifiedAt: time), 4),
                (ZipMember(path: "unknown", size: nil, modifiedAt: nil), 4),
                (ZipMember(path: "empty", size: 0, modifiedAt: .distantFuture), 0),
                (ZipMember(path: "empty, unknown", size: nil, modifiedAt: .distantPast), 0),
            ]
            _ = try self.write(members, to: file)
            try await ZipOpener.expectAllOpen(file)
            let read = try await ZipOpener.members(of: file)
            #expect(read.map(\.name) == members.map(\.0.path) && read.map(\.size) == [4, 4, 0, 0])
            #expect(read[0].time == [2026, 11, 20, 8, 0, 0] && read[1].time == [1980, 1, 1, 0, 0, 0])
            #expect(read[2].time[0] == 2107 && read[3].time[0] == 1980)
            #expect(read.allSatisfy { $0.mode == 0o100644 })
            // Unpacked, it has the time of the extended timestamp, to the second and in UTC.
            let unpack = "cd \"$1\" && mkdir out && cd out && unzip -q ../small.zip && stat -c %Y 'a/données é.txt'"
            let (status, output) = try await ZipOpener.run(
                "command -v unzip >/dev/null || { echo 1795161601; exit; }; " + unpack,
                folder.path
            )
            #expect(status == 0 && output.contains("1795161601"), "\(output)")
        }
    }

    /// Each side of each bound, with sizes and offsets beyond four gigabytes.
    @Test func sizesAndOffsetsBeyondThirtyTwoBitsAreZIP64() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("wide.zip")
            let sizes: [Int64] = [4, 0xFFFF_FFFE, 0xFFFF_FFFF, 0x1_0000_0000, 5 << 30, 4]
            let members = sizes.enumerated().map { index, size in
                (ZipMember(path: "f\(index)", size: index == 3 ? nil : size, modifiedAt: nil), size: size)
            }
            _ = try self.write(members, to: file)
            let read = try await ZipOpener.members(of: file, reads: false)
            #expect(read.map(\.size) == sizes && read.map(\.name) == members.map(\.0.path))
            // The last one lies beyond all of them, and is whole.
            let last = "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).read('f5') != bytes(4))"
            #expect(try await ZipOpener.run("python3 -c \"$1\" \"$2\"", last, file.path).status == 0)
            for script in ["unzip -tq \"$1\" f5", "7z t \"$1\" f5", "bsdtar -xOf \"$1\" f5 >/dev/null"] {
                let name = String(script.prefix { $0 != " " })
                guard try await ZipOpener.run("command -v \"$1\"", name).status == 0 else { continue }
                let (status, output) = try await ZipOpener.run(script, file.path)
                #expect(status == 0, "\(script): \(output)")
            }
        }
    }

    @Test(arguments: [65_534, 65_535])
    func moreMembersThanSixteenBitsAreZIP64(_ count: Int) async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("many.zip")
            let members = (0..<count).map { ZipMember(path: "f\($0)", size: 0, modifiedAt: nil) }
            _ = try self.write(members.map { ($0, 0) }, to: file)
            let wide = Data([0x50, 0x4B, 6, 6])
            #expect(try Data(contentsOf: file).suffix(200).contains(wide) == (count >= 65_535))
            #expect(try await ZipOpener.members(of: file, reads: false).count == count)
            if count == 65_535 { try await ZipOpener.expectAllOpen(file) }
        }
    }

    @Test func theLengthIsKnownWhereTheSizesAre() {
        func length(_ sizes: Int64?...) -> Int64? {
            ZipWriter.length(of: sizes.map { ZipMember(path: "x", size: $0, modifiedAt: nil) })
        }
        // Before it, behind it, in the directory: 31 + 16 + 47 bytes for a name of one letter.
        let expected: [(Int64?, Int64?)] = [
            (length(), 22),
            (length(0), 94 + 22),
            (length(100, 100), 200 + 2 * 94 + 22),
            (length(100, nil), nil),
            // ZIP64: 20 more before it, 8 behind it, 20 in the directory; 76 for the end, which begins beyond four gigabytes.
            (length(5 << 30), (5 << 30) + 94 + 48 + 76 + 22),
        ]
        for (length, right) in expected { #expect(length == right) }
        #expect(length(1 << 59) != nil)
    }
}
