// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore

/// A connection of HTTP/1.1 whose requests are handled on the connection's own event loop.
///
/// On the pool of tasks, each read, each write and each answer would be handed from thread to thread. What blocks must not
/// happen in a handler, here as there; SQLite and libcurl have threads of their own.
struct LoopChannel: ServerChildChannel {
    private let base: HTTP1Channel

    init(_ base: HTTP1Channel) { self.base = base }

    /// Waiting bytes beyond which a connection takes no more: a client that stopped reading is to hold little of ours, and
    /// what the system takes at once does not count.
    private static let waiting = ChannelOptions.Types.WriteBufferWaterMark(low: 2048, high: 4096)

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.setOption(.writeBufferWaterMark, value: Self.waiting).flatMap {
            self.base.setup(channel: channel, logger: logger)
        }
    }

    @concurrent
    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
            await self.base.handle(value: value, logger: logger)
        }
    }
}

/// Runs tasks on one event loop.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
