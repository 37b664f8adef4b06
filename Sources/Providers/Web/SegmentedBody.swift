// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore
import Transfer

/// The rest of a file, fetched in segments over several connections and given on in order.
///
/// In order, so that the bytes are hashed while they are written, and what is on the disk is always the beginning of the
/// file: a try goes on from it as after one connection. The first segment is given on as it comes; what comes of the
/// others waits in memory, so that there are never more than a few of them.
final class SegmentedBody {
    /// Fetches one part of the file, which the answer is known to be.
    typealias Open = @Sendable (ClosedRange<Int64>) async throws(ProviderError) -> TransferBody

    /// Bytes of one segment.
    static let segment: Int64 = 4 << 20
    /// A smaller rest is not worth the further connections.
    static let worthwhile: Int64 = 16 << 20

    private typealias Pieces = AsyncStream<Result<ByteBuffer, ProviderError>>

    /// One that is fetched, or waits to be given on.
    private final class Segment {
        let task: Task<Void, Never>
        var pieces: Pieces.Iterator
        var missing: Int64

        init(_ task: Task<Void, Never>, _ pieces: Pieces, _ count: Int64) {
            (self.task, self.pieces, self.missing) = (task, pieces.makeAsyncIterator(), count)
        }

        deinit { self.task.cancel() }
    }

    private let end: Int64
    private let connections: Int
    private let open: Open
    private var segments: [Segment] = []
    private var next: Int64

    /// The bytes from `start` to before `end`; `first` is an answer that is open and begins with them.
    init(_ first: TransferBody, from start: Int64, to end: Int64, connections: Int, open: @escaping Open) {
        (self.end, self.next, self.connections, self.open) = (end, start, connections, open)
        self.start { _ throws(ProviderError) in first }
    }

    /// The bytes that come next; `nil` after the last.
    func read() async throws(ProviderError) -> ByteBuffer? {
        while true {
            // Two more than run, so that none of them waits for the slowest.
            while self.segments.count < self.connections + 2, self.next < self.end { self.start(self.open) }
            guard let first = self.segments.first else { return nil }
            if first.missing > 0 {
                // A segment says why it ends early, so that this is the reader's own end.
                guard let piece = await first.pieces.next(isolation: #isolation) else { throw .cancelled }
                let bytes = try piece.get()
                first.missing -= Int64(bytes.readableBytes)
                return bytes
            }
            self.segments.removeFirst()
        }
    }

    private func start(_ open: @escaping Open) {
        let range = self.next...(min(self.end - self.next, Self.segment) + self.next - 1)
        self.next = range.upperBound + 1
        // One begins when the one so many before it has ended: never more than so many run.
        let before =
            self.segments.count >= self.connections ? self.segments[self.segments.count - self.connections] : nil
        let (pieces, writer) = Pieces.makeStream()
        let fetch = Fetch(range: range, before: before?.task, open: open, pieces: writer)
        self.segments.append(Segment(Task { await fetch.run() }, pieces, Int64(range.count)))
    }

    /// Brings the pieces of one segment, begun when the one `before` has ended.
    private struct Fetch: Sendable {
        let range: ClosedRange<Int64>
        let before: Task<Void, Never>?
        let open: Open
        let pieces: Pieces.Continuation

        func run() async {
            await self.before?.value
            do throws(ProviderError) {
                try await self.pass(try await self.open(self.range))
            } catch {
                self.pieces.yield(.failure(error))
            }
            self.pieces.finish()
        }

        /// Letting go of the body ends what comes behind the segment.
        private func pass(_ body: TransferBody) async throws(ProviderError) {
            var missing = self.range.count
            var iterator = body.makeAsyncIterator()
            while missing > 0 {
                let bytes: ByteBuffer?
                do throws(TransferError) { bytes = try await iterator.next() } catch {
                    throw WebFailures.failure(error)
                }
                guard let bytes else {
                    throw WebFailures.failure(.incomplete, .now, "The server's bytes ended too early.")
                }
                // A copy: a piece may have far more room than bytes, and would hold it while it waits.
                let piece = ByteBuffer(bytes: bytes.readableBytesView.prefix(missing))
                missing -= piece.readableBytes
                self.pieces.yield(.success(piece))
            }
        }
    }
}
