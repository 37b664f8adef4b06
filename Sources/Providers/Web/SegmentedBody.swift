// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore
import Transfer

/// The rest of a file, fetched in segments over several connections and given on in order.
///
/// In order, so that the bytes are hashed while they are written, and what is on the disk is always the beginning of the
/// file: a try goes on from it as after one connection. The segments that have come too early wait in memory, so that
/// there is never more than ``readAhead`` of them.
final class SegmentedBody {
    /// Fetches one part of the file, which the answer is known to be.
    typealias Open = @Sendable (ClosedRange<Int64>) async throws(ProviderError) -> TransferBody

    /// Bytes of one segment.
    static let segment: Int64 = 4 << 20
    /// A smaller rest is not worth the further connections.
    static let worthwhile: Int64 = 16 << 20

    private typealias Piece = Task<Result<ByteBuffer, ProviderError>, Never>

    private let end: Int64
    private let readAhead: Int
    private let connections: Int
    private let open: Open
    private var pieces: [Piece] = []
    private var next: Int64

    /// The bytes from `start` to before `end`; `first` is an answer that is open and begins with them.
    init(_ first: TransferBody, from start: Int64, to end: Int64, connections: Int, open: @escaping Open) {
        self.end = end
        self.next = start
        // Two more than run, so that none of them waits for the slowest.
        self.readAhead = connections + 2
        self.connections = connections
        self.open = open
        self.start { _ throws(ProviderError) in first }
    }

    deinit { for piece in self.pieces { piece.cancel() } }

    /// The next segment; `nil` after the last.
    func read() async throws(ProviderError) -> ByteBuffer? {
        while self.pieces.count < self.readAhead, self.next < self.end { self.start(self.open) }
        guard let piece = self.pieces.first else { return nil }
        let result = await withTaskCancellationHandler {
            await piece.value
        } onCancel: {
            piece.cancel()
        }
        self.pieces.removeFirst()
        return try result.get()
    }

    private func start(_ open: @escaping Open) {
        let range = self.next...(min(self.end - self.next, Self.segment) + self.next - 1)
        self.next = range.upperBound + 1
        // One begins when the one so many before it has ended: never more than so many run.
        let before = self.pieces.count >= self.connections ? self.pieces[self.pieces.count - self.connections] : nil
        let segment = Segment(range: range, before: before, open: open)
        self.pieces.append(Task { await segment.fetch() })
    }

    /// One part of the file, begun when the one `before` has ended.
    private struct Segment: Sendable {
        let range: ClosedRange<Int64>
        let before: Piece?
        let open: Open

        func fetch() async -> Result<ByteBuffer, ProviderError> {
            _ = await self.before?.value
            do throws(ProviderError) {
                let body = try await self.open(self.range)
                let count = self.range.upperBound - self.range.lowerBound + 1
                return .success(try await SegmentedBody.collect(count, of: body))
            } catch {
                return .failure(error)
            }
        }
    }

    /// The first `count` bytes; letting go of the body ends what comes behind them.
    fileprivate static func collect(_ count: Int64, of body: TransferBody) async throws(ProviderError) -> ByteBuffer {
        var all = ByteBuffer()
        var iterator = body.makeAsyncIterator()
        while Int64(all.readableBytes) < count {
            let bytes: ByteBuffer?
            do throws(TransferError) { bytes = try await iterator.next() } catch { throw WebFailures.failure(error) }
            guard var bytes else {
                throw WebFailures.failure(.incomplete, .now, "The server's bytes ended too early.")
            }
            let rest = Int(count) - all.readableBytes
            if var part = bytes.readSlice(length: min(rest, bytes.readableBytes)) { all.writeBuffer(&part) }
        }
        return all
    }
}
