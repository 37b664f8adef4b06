// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOCore

/// Reads an upload's source part by part, as one stream where the parts follow each other, and anew where one is sent again.
actor UploadReader {
    /// The beginning of the file, hashed as it was sent.
    private struct Hashed {
        var hash = SHA256()
        var length: Int64 = 0
    }

    private let source: UploadSource
    private let report: @Sendable (_ position: Int64) -> Void
    /// What the whole file is held against.
    private let digest: String?
    private var body: (any ContentReader)?
    private var position: Int64 = 0
    private var rest = ByteBuffer()
    /// Counts the parts: of a part that is sent again, somebody may still wait for bytes.
    private var turn = 0
    /// Whether the source is being read for the present part.
    private var isReading = false
    private var hashed = Hashed()
    /// The same at the beginning of the present part, should it be sent again.
    private var atPart = Hashed()

    /// `report` is told how far the reading is, for every piece.
    init(_ source: UploadSource, report: @escaping @Sendable (_ position: Int64) -> Void) {
        self.source = source
        self.report = report
        self.digest = source.digest()?.lowercased()
    }

    /// The bytes of a range of the source; one at a time, in order, the last one any number of times.
    ///
    /// What an earlier try has sent is read once more where the source names a digest, which is of the whole file. Who still reads
    /// the part before gets nothing more.
    func part(_ range: Range<Int64>) async throws(ProviderError) -> ContentBody {
        let turn = self.takeTurn()
        if range.lowerBound == self.atPart.length { self.hashed = self.atPart }
        try await self.hash(to: range.lowerBound, turn)
        self.atPart = self.hashed
        return ContentBody {
            var offset = range.lowerBound
            return { () async throws(ProviderError) -> ByteBuffer? in
                guard offset < range.upperBound else { return nil }
                let bytes = try await self.read(at: offset, upTo: range.upperBound, turn)
                offset += Int64(bytes.readableBytes)
                return bytes
            }
        }
    }

    /// Throws where the source has bytes beyond what it promised, has not come to its end in good order, or is not the file whose
    /// digest it names.
    func finish(at size: Int64) async throws(ProviderError) {
        let turn = self.takeTurn()
        try await self.hash(to: size, turn)
        if self.body == nil || self.position != size { try await self.seek(size, turn) }
        guard self.rest.readableBytes == 0, try await self.body?.next() == nil else { throw Self.changed }
        guard let digest else { return }
        let found = Data(self.hashed.hash.finalize()).hexadecimal
        guard found != digest else { return }
        throw .checksumMismatch("The bytes that were sent have another SHA-256 (\(found)) than the source names.")
    }

    private func takeTurn() -> Int {
        self.turn += 1
        // A body has one reader.
        if self.isReading { (self.body, self.rest, self.isReading) = (nil, ByteBuffer(), false) }
        return self.turn
    }

    /// Reads what was sent by an earlier try, as far as nobody has hashed it here.
    private func hash(to end: Int64, _ turn: Int) async throws(ProviderError) {
        guard self.digest != nil else { return }
        while self.hashed.length < end { _ = try await self.read(at: self.hashed.length, upTo: end, turn) }
    }

    private func read(at offset: Int64, upTo end: Int64, _ turn: Int) async throws(ProviderError) -> ByteBuffer {
        guard turn == self.turn else { throw .cancelled }
        if self.body == nil || offset != self.position { try await self.seek(offset, turn) }
        if self.rest.readableBytes == 0 { self.rest = try await self.next(turn) }
        let count = Int(min(Int64(self.rest.readableBytes), end - offset))
        guard let bytes = self.rest.readSlice(length: count) else { throw Self.changed }
        if self.digest != nil, self.hashed.length == offset {
            bytes.withUnsafeReadableBytes { self.hashed.hash.update(bufferPointer: $0) }
            self.hashed.length += Int64(count)
        }
        self.position += Int64(count)
        self.report(self.position)
        return bytes
    }

    /// The source's next bytes; nothing here changes where another part was begun meanwhile.
    private func next(_ turn: Int) async throws(ProviderError) -> ByteBuffer {
        let answer: Result<ByteBuffer?, ProviderError>
        self.isReading = true
        do throws(ProviderError) { answer = .success(try await self.body?.next()) } catch { answer = .failure(error) }
        guard turn == self.turn else { throw .cancelled }
        self.isReading = false
        if case .success(let bytes?) = answer { return bytes }
        self.body = nil
        throw if case .failure(let error) = answer { error } else { Self.changed }
    }

    private func seek(_ offset: Int64, _ turn: Int) async throws(ProviderError) {
        (self.body, self.rest) = (nil, ByteBuffer())
        let body = try await self.source.open(offset)
        guard turn == self.turn else { throw .cancelled }
        (self.body, self.position) = (body.makeReader(), offset)
    }

    private static var changed: ProviderError {
        ProviderError(
            .unavailable,
            retry: .now,
            message: "The source does not have the length that it promised."
        )
    }
}
