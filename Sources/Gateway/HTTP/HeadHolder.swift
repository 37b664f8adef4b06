// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Sends the head of an answer together with what comes right behind it: one call of the system and one packet for a small body.
///
/// A head waits while the event loop has anything else to do at once, and never for the network.
final class HeadHolder: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart

    /// How often the loop is let go on first: a task that has the next bytes needs a few turns to write them.
    private static let turns = 8

    private var holdsHead = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // An informational head has nothing behind it.
        if case .head(let head) = self.unwrapOutboundIn(data) {
            self.holdsHead = head.status.kind != .informational
        } else {
            self.holdsHead = false
        }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        guard self.holdsHead else { return context.flush() }
        self.flush(context, after: Self.turns)
    }

    /// A client is to see that an answer began, where it breaks off at its first byte.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if self.holdsHead {
            self.holdsHead = false
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.holdsHead = false }

    private func flush(_ context: ChannelHandlerContext, after turns: Int) {
        guard self.holdsHead else { return }
        guard turns > 0 else {
            self.holdsHead = false
            return context.flush()
        }
        context.eventLoop.assumeIsolated().execute { self.flush(context, after: turns - 1) }
    }
}
