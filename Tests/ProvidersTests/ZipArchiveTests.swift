// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Testing

@testable import Providers

@Suite struct ZipArchiveTests {
    private static let text = Array("The quick brown fox jumps over the lazy dog. PK".utf8)

    /// The archive in pieces of `size` bytes, so that every look-ahead is cut somewhere.
    private func archive(_ bytes: ByteBuffer, by size: Int = 7, limits: ZipLimits = ZipLimits()) -> ZipArchive {
        let body = ContentBody {
            var rest = bytes
            return { () async throws(ProviderError) -> ByteBuffer? in
                rest.readableBytes == 0 ? nil : rest.readSlice(length: min(size, rest.readableBytes))
            }
        }
        return ZipArchive(body, limits: limits)
    }

    private func read(_ key: String, of bytes: ByteBuffer, by size: Int = 7) async throws -> [UInt8]? {
        let archive = self.archive(bytes, by: size)
        guard try await archive.open(key) != nil else { return nil }
        var all: [UInt8] = []
        while let piece = try await archive.nextBytes() { all += piece.readableBytesView }
        return all
    }

    private func zip(_ build: (inout ZipBuilder) -> Void) -> ByteBuffer {
        var builder = ZipBuilder()
        build(&builder)
        return builder.finished()
    }

    @Test func anArchiveOf22BytesIsEmpty() async throws {
        let bytes = self.zip { _ in }
        #expect(bytes.readableBytes == 22)
        #expect(try await self.archive(bytes).files().isEmpty)
    }

    @Test(arguments: [1, 7, 100_000]) func listsAndReadsEveryKindOfEntry(_ pieceSize: Int) async throws {
        let bytes = self.zip { zip in
            zip.add("stored.txt", Self.text)
            zip.add("folder/", [])
            zip.add("deflated.txt", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8)
            zip.add("streamed.txt", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8, descriptor: .signed)
            zip.add("bare.txt", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8, descriptor: .unsigned)
            zip.add("wide.txt", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8, descriptor: .wide)
            zip.add("stored-streamed.txt", Self.text, descriptor: .signed)
            zip.add("zip64.txt", Self.text, isZIP64: true)
            zip.add("empty.txt", [])
            zip.add("empty-streamed.txt", [], descriptor: .signed)
        }
        let files = try await self.archive(bytes, by: pieceSize).files()
        #expect(
            files.map(\.name) == [
                "stored.txt", "deflated.txt", "streamed.txt", "bare.txt", "wide.txt", "stored-streamed.txt",
                "zip64.txt",
                "empty.txt", "empty-streamed.txt",
            ]
        )
        for file in files {
            let expected = file.name.hasPrefix("empty") ? [] : Self.text
            #expect(file.size == Int64(expected.count), "\(file.name)")
            #expect(try await self.read(file.key, of: bytes, by: pieceSize) == expected, "\(file.name)")
        }
    }

    @Test func equalNamesAreToldApart() async throws {
        let bytes = self.zip { zip in
            zip.add("a.txt", [1])
            zip.add("a.txt", [2, 2])
        }
        #expect(try await self.archive(bytes).files().map(\.key) == ["z:a.txt", "z2:a.txt"])
        #expect(try await self.read("z2:a.txt", of: bytes) == [2, 2])
        #expect(try await self.read("z3:a.txt", of: bytes) == nil)
    }

    @Test func zipSlipNamesAreOnlyNames() async throws {
        let bytes = self.zip { $0.add("../../etc/passwd\u{0}", [1]) }
        let file = try #require(try await self.archive(bytes).files().first)
        #expect(ItemKey.identity(of: file.key, prefix: "z") == "../../etc/passwd\u{0}")
        #expect(SafeFilename.make(from: file.name) == "passwd")
    }

    @Test func aDamagedFileIsNeverWhole() async throws {
        let damaged: [ByteBuffer] = [
            self.zip { $0.add("a", Self.text, crc: 1) },
            self.zip { $0.add("a", Self.text, size: 3) },
            self.zip { $0.add("a", Self.text, size: 1000) },
            self.zip { $0.add("a", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8, crc: 1) },
            self.zip { $0.add("a", Self.text, packed: [0xFF, 0xFF, 0xFF], method: 8) },
            self.zip { $0.add("a", Self.text, packed: ZipBuilder.deflated(Self.text) + [0], method: 8) },
            self.zip { $0.add("a", Self.text, packed: ZipBuilder.deflated(Self.text).dropLast(), method: 8) },
            self.zip {
                $0.add("a", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8, descriptor: .signed, crc: 1)
            },
            self.zip { $0.add("a", Self.text, method: 99) },
            self.zip { $0.add("a", Self.text, flags: 1) },
        ]
        for (index, bytes) in damaged.enumerated() {
            let error = await failure { try await self.read("z:a", of: bytes) }
            #expect(error?.kind == .malformedResponse, "\(index)")
        }
    }

    @Test func everyTruncationIsAnError() async throws {
        let whole = self.zip { zip in
            zip.add("a", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8, descriptor: .signed)
            zip.add("b", Self.text)
        }
        // Up to the directory's signature; what follows it is not needed.
        for count in 0..<(whole.readableBytes - 18) {
            let cut = try #require(whole.getSlice(at: 0, length: count))
            let error = await failure { try await self.archive(cut).files() }
            #expect(error != nil, "cut at \(count)")
        }
    }

    @Test func zipFoundation282_randomBytesNeverTrap() async throws {
        var state: UInt64 = 42
        let sound = self.zip {
            $0.add("a", Self.text, packed: ZipBuilder.deflated(Self.text), method: 8, isZIP64: true)
        }
        for _ in 0..<500 {
            var bytes = sound
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let at = Int(state >> 33) % bytes.readableBytes
                bytes.setInteger(UInt8(truncatingIfNeeded: state >> 20), at: at)
            }
            _ = await failure { try await self.read("z:a", of: bytes, by: 64) }
            _ = await failure { try await self.archive(bytes, by: 64).files() }
        }
    }

    @Test func hugeSizesInTheExtraFieldAreRefused() async throws {
        var bytes = self.zip { $0.add("a", Self.text, isZIP64: true) }
        // Behind 30 bytes of header, one of name and four of field head stands the file's size.
        bytes.setInteger(UInt64.max, at: 35, endianness: .little)
        let refused = bytes
        #expect(await failure { try await self.archive(refused).files() }?.kind == .malformedResponse)
        bytes.setInteger(UInt64(Int64.max), at: 43, endianness: .little)
        bytes.setInteger(UInt64(1), at: 35, endianness: .little)
        let endless = bytes
        #expect(await failure { try await self.archive(endless).files() } != nil)
    }

    @Test func zipCVE_2023_39135_bombIsStopped() async throws {
        let packed = ZipBuilder.deflatedZeros(matches: 20_000)
        let bytes = self.zip { $0.add("bomb", [], packed: packed, method: 8, descriptor: .signed) }
        let limits = ZipLimits(ratio: 100, freeBytes: 1 << 20)
        let error = await failure { try await self.archive(bytes, by: 4096, limits: limits).files() }
        #expect(error?.message.contains("too many bytes") == true)
        // Within the limits it unpacks, and only its missing checksum is found.
        let patient = await failure { try await self.archive(bytes, by: 4096).files() }
        #expect(patient?.message.contains("checksum") == true)
    }

    @Test func countsAreBounded() async throws {
        let bytes = self.zip { zip in
            for number in 0..<20 { zip.add("\(number)", [1]) }
        }
        #expect(await failure { try await self.archive(bytes, limits: ZipLimits(entries: 19)).files() } != nil)
        #expect(await failure { try await self.archive(bytes, limits: ZipLimits(packedBytes: 100)).files() } != nil)
        #expect(try await self.archive(bytes, limits: ZipLimits(entries: 20)).files().count == 20)
    }

    @Test(arguments: ["", "<html>", "PK", "{\"error\":\"no\"}"]) func whatIsNoZipIsRefused(_ text: String) async {
        #expect(await failure { try await self.archive(ByteBuffer(string: text)).files() } != nil)
    }

    @Test(arguments: [
        ("sample-1719265797164.pdf", "sample.pdf", true), ("noext-1719265797164", "noext", true),
        ("x.pdf-1719265797164", "x.pdf", true), ("a-1719265797164.tar.gz", "a-1719265797164.tar.gz", false),
        ("a-171926579716.pdf", "a-171926579716.pdf", false), ("1719265797164.pdf", "1719265797164.pdf", false),
        ("a-b-1719265797164.pdf", "a-b.pdf", true), ("", "", false),
    ])
    func stripsTheStoredSuffix(_ stored: String, _ name: String, _ hasTime: Bool) {
        let read = StoredName(stored)
        #expect(read.name == name)
        #expect(read.createdAt?.timeIntervalSince1970 == (hasTime ? 1_719_265_797.164 : nil))
    }
}
