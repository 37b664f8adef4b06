// SPDX-License-Identifier: Apache-2.0

import Crypto
public import Foundation
import NIOConcurrencyHelpers
public import NIOCore

/// A file of a ``SimulatedLibrary``.
public struct SimulatedFile: Sendable {
    /// What a file is to its vendor.
    public enum Role: Sendable {
        /// Downloaded by the browser or the machine.
        case download
        /// Brought by the user: no list of downloads may show it.
        case upload
        /// The recording of a session (Vagon).
        case recording
        /// On the machine's own disk, with a whole Windows path for a name (Vagon).
        case machineContent
        /// A directory (Vagon, Hoody).
        case folder
    }

    /// Counts the files of a library; Vagon's id.
    public let number: Int
    /// A UUID in lower case; the id of Browserbase, Anchor and Notte.
    public let id: String
    /// The session, the machine or the directory; `nil` outside of any.
    public let session: String?
    /// The name.
    public let name: String
    /// The ``number`` of the folder that it is in; `nil` at the top.
    public let parent: Int?
    /// What it is.
    public let role: Role
    /// The media type.
    public let mimeType: String
    /// When it came into being.
    public let createdAt: Date
    /// Fields of the vendor's that this file lacks, by their wire names.
    public let missing: Set<String>
    /// The bytes.
    public let contents: SimulatedContents

    /// Bytes.
    public var size: Int64 { self.contents.size }
    /// Whether it is a directory.
    public var isFolder: Bool { self.role == .folder }
}

/// Bytes that are computed where they are read: any range of a file of any size, without its memory; or such as were given.
public final class SimulatedContents: Sendable {
    /// What the bytes depend on, together with the size.
    public let seed: UInt64
    /// Bytes.
    public let size: Int64
    private let isText: Bool
    /// What somebody has put there.
    private let given: ByteBuffer?
    private let block = NIOLockedValueBox<ByteBuffer?>(nil)
    private let digests = NIOLockedValueBox<(sha256: String?, crc32: UInt32?)>((nil, nil))

    // Prime, so that no power of two in a reader's arithmetic hides a wrong offset.
    private static let blockSize: Int64 = 65_521

    init(seed: UInt64, size: Int64, isText: Bool) {
        self.seed = seed
        self.size = size
        self.isText = isText
        self.given = nil
    }

    /// The bytes that somebody has put there.
    init(given: ByteBuffer, seed: UInt64) {
        self.seed = seed
        self.size = Int64(given.readableBytes)
        self.isText = false
        self.given = given
    }

    /// The bytes from `offset` on, at least one and at most `limit` or a block.
    func bytes(at offset: Int64, atMost limit: Int64) -> ByteBuffer {
        if let given {
            let length = Int(min(limit, self.size - offset, Self.blockSize))
            return given.getSlice(at: given.readerIndex + Int(offset), length: length) ?? ByteBuffer()
        }
        let start = offset % Self.blockSize
        let count = min(limit, Self.blockSize - start)
        return self.wholeBlock.getSlice(at: Int(start), length: Int(count)) ?? ByteBuffer()
    }

    /// The bytes of a range; empty outside of the file.
    public func bytes(in range: Range<Int64>) -> ByteBuffer {
        var result = ByteBuffer()
        var offset = max(0, range.lowerBound)
        let end = min(range.upperBound, self.size)
        while offset < end {
            var piece = self.bytes(at: offset, atMost: end - offset)
            offset += Int64(piece.readableBytes)
            result.writeBuffer(&piece)
        }
        return result
    }

    /// SHA-256 in lower-case hex; computed once.
    public var sha256: String {
        if let known = self.digests.withLockedValue({ $0.sha256 }) { return known }
        var hash = SHA256()
        self.forEachPiece { hash.update(bufferPointer: $0) }
        let digest = hash.finalize().hex
        self.digests.withLockedValue { $0.sha256 = digest }
        return digest
    }

    /// The CRC-32 of zip; computed once.
    var crc32: UInt32 {
        if let known = self.digests.withLockedValue({ $0.crc32 }) { return known }
        var crc = CRC32()
        self.forEachPiece { crc.update($0) }
        let value = crc.value
        self.digests.withLockedValue { $0.crc32 = value }
        return value
    }

    private func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Void) {
        var offset: Int64 = 0
        while offset < self.size {
            let piece = self.bytes(at: offset, atMost: self.size - offset)
            offset += Int64(piece.readableBytes)
            piece.withUnsafeReadableBytes(body)
        }
    }

    private var wholeBlock: ByteBuffer {
        self.block.withLockedValue { known in
            if let known { return known }
            var state = self.seed
            var block = ByteBuffer()
            let length = Int(min(self.size, Self.blockSize))
            block.reserveCapacity(length + 8)
            while block.readableBytes < length {
                let word = splitMix(&state)
                // As text: letters a–p, and a line break now and then.
                block.writeInteger(self.isText ? (word & 0x0F0F_0F0F_0F0F_0F0F) &+ 0x6161_6161_6161_6161 : word)
            }
            if self.isText {
                for line in stride(from: 63, to: length, by: 64) {
                    block.setInteger(UInt8(ascii: "\n"), at: line)
                }
            }
            known = block
            return block
        }
    }
}

/// The next pseudo-random word (Vigna's splitmix64).
func splitMix(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
}
