// SPDX-License-Identifier: Apache-2.0

import Foundation
import HummingbirdCore
import NIOCore
import ServiceLifecycle

/// Sends events to a client while it listens.
///
/// Nothing is buffered for a slow listener: the next events are asked for when the connection has taken the last ones. A
/// client that leaves, that takes nothing for ``stallTimeout``, or that loses its right to listen is cut off. At the end of
/// ``lifetime``, and when the gateway stops, the answer ends as a whole one.
struct EventStream: Sendable {
    /// The next events, whenever there are some; `nil` at the end.
    ///
    /// It is never asked twice at a time.
    let next: @Sendable () async throws -> [ServerSentEvent]?
    /// How long the caller may listen; `nil`: for good.
    let lifetime: Duration?
    let channel: any Channel
    let stallTimeout: Double
    /// Has the stream watched by ``KeyRing/register(_:needs:cut:)`` until the answer is called; given what cuts it.
    let register: @Sendable (_ cut: @escaping @Sendable () -> Void) -> @Sendable () -> Void
    let sleep: @Sendable (Duration) async throws -> Void
    /// Called once, with the bytes that were handed to the connection.
    let onEnd: @Sendable (LogEntry.Outcome, Int64) -> Void

    /// How long the connection is silent at most.
    static let silence = Duration.seconds(15)
    /// How long a stream that ends waits for a connection that takes nothing.
    private static let grace = Duration.seconds(5)

    private enum Turn: Sendable {
        case events([ServerSentEvent])
        case silence
        case end
        case failure(any Error)
    }

    /// The body for the server to write.
    func responseBody() -> ResponseBody {
        ResponseBody { writer in
            var sent: Int64 = 0
            let watch = ClientWatch(channel: self.channel, stallTimeout: self.stallTimeout)
            do {
                try await self.write(to: &writer, &sent, watch)
                guard !watch.wasCut else { throw CancellationError() }
                self.onEnd(.complete, sent)
            } catch {
                let isOurs = error is SourceFailure && !Task.isCancelled
                self.onEnd(watch.wasCut ? .refused : isOurs ? .failed : .clientGone, sent)
                throw error
            }
        }
    }

    @concurrent
    private func write(
        to writer: inout any ResponseBodyWriter,
        _ sent: inout Int64,
        _ watch: ClientWatch
    ) async throws {
        let task = withUnsafeCurrentTask { $0 }
        // As in ``StreamingBody``: `stop()` waits for a running call of the closure and prevents any later one.
        nonisolated(unsafe) let current = task
        watch.start { current?.cancel() }
        defer { watch.stop() }
        let forget = self.register { watch.cut() }
        defer { forget() }
        try await withThrowingTaskGroup(of: Turn.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await self.ending() }
            group.addTask { try await self.closing() }
            group.addTask { try await self.events() }
            // A first sign of life, so that nothing in between holds the head back.
            var turn: Turn? = .silence
            while let now = turn {
                var buffer = ByteBuffer()
                switch now {
                case .end: return
                case .failure(let error): throw SourceFailure(cause: error)
                case .silence:
                    buffer = ServerSentEvent.heartbeat
                    group.addTask {
                        try await self.sleep(Self.silence)
                        return .silence
                    }
                case .events(let events):
                    for event in events { event.encode(into: &buffer) }
                }
                watch.writeBegan()
                try await writer.write(buffer)
                // Until the event loop had its turn, the write is only queued.
                try await self.channel.eventLoop.submit {}.get()
                watch.writeEnded()
                sent += Int64(buffer.readableBytes)
                if case .events = now { group.addTask { try await self.events() } }
                turn = try await group.next()
            }
        }
        // The end that a cancelled wait comes to is none of the events'.
        try Task.checkCancellation()
        try await writer.finish(nil)
    }

    private func events() async throws -> Turn {
        do {
            return try await self.next().map { .events($0) } ?? .end
        } catch let error where !(error is CancellationError) {
            return .failure(error)
        }
    }

    /// Returns when the stream is to end though there may be more to come.
    private func ending() async throws -> Turn {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await gracefulShutdown() }
            if let lifetime = self.lifetime { group.addTask { try await self.sleep(lifetime) } }
            try await group.next()
            return .end
        }
    }

    /// Closes the connection where the end waits for a client that takes nothing; cancelled where the end comes before.
    private func closing() async throws -> Turn {
        _ = try await self.ending()
        try await self.sleep(Self.grace)
        self.channel.close(promise: nil)
        return .end
    }
}

/// The events did not come, for a reason of our own.
private struct SourceFailure: Error {
    let cause: any Error
}
