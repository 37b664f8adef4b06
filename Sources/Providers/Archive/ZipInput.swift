// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// The bytes of an archive, pulled from a stream with a look-ahead that is never longer than what is asked for and one piece.
struct ZipInput {
    private var pieces: ContentBody.Iterator
    private var buffer = ByteBuffer()
    private var room: Int64

    /// Reads `body`, at most `limit` bytes of it.
    init(_ body: ContentBody, limit: Int64) {
        self.pieces = body.makeAsyncIterator()
        self.room = limit
    }

    /// What is there, at least `count` bytes; throws where the stream ends before.
    mutating func window(_ count: Int) async throws(ProviderError) -> ByteBuffer {
        while self.buffer.readableBytes < count {
            guard var piece = try await self.pieces.next() else {
                throw ProviderError(.unavailable, retry: .now, message: "The upstream's archive ends too early.")
            }
            self.room -= Int64(piece.readableBytes)
            guard self.room >= 0 else {
                throw ProviderError(.malformedResponse, message: "The upstream's archive is too large to be read.")
            }
            if self.buffer.readableBytes == 0 {
                self.buffer = piece
            } else {
                self.buffer.discardReadBytes()
                self.buffer.writeBuffer(&piece)
            }
        }
        return self.buffer
    }

    /// Exactly `count` bytes.
    mutating func bytes(_ count: Int) async throws(ProviderError) -> ByteBuffer {
        let window = try await self.window(count)
        self.advance(count)
        return window.getSlice(at: window.readerIndex, length: count) ?? ByteBuffer()
    }

    /// Some bytes: at least one and at most `count`, which is above zero.
    mutating func some(_ count: Int64) async throws(ProviderError) -> ByteBuffer {
        let available = try await self.window(1).readableBytes
        return try await self.bytes(min(available, Int(clamping: count)))
    }

    /// Takes `count` bytes of the window as read; never more than there are.
    mutating func advance(_ count: Int) {
        self.buffer.moveReaderIndex(forwardBy: min(max(count, 0), self.buffer.readableBytes))
    }
}
