// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes a connection after an answer that says so, as `Connection: close` promises: the rest of a refused body is not waited for.
///
/// Our side first, so that the answer is not lost to a reset; the whole a moment later.
final class ClosingHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a client may take to read the answer.
    private static let grace = TimeAmount.seconds(2)

    private var isLast = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head(let head):
            self.isLast = head.headerFields[.connection]?.lowercased() == "close"
        case .end where self.isLast:
            let (channel, promise) = (context.channel, promise ?? context.eventLoop.makePromise())
            promise.futureResult.whenSuccess {
                channel.close(mode: .output, promise: nil)
                channel.eventLoop.scheduleTask(in: Self.grace) { channel.close(promise: nil) }
            }
            return context.write(data, promise: promise)
        default: break
        }
        context.write(data, promise: promise)
    }
}
