// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTPTypes

/// Tells the record of a request when its answer's last byte is out, or that it never will be.
///
/// What a route returns is not yet sent, and the server says nothing about it afterwards: only the connection knows.
final class SentAnswers: Sendable {
    /// The record whose answer is the next on a connection.
    fileprivate typealias Next = NIOLockedValueBox<RequestRecord?>

    private let connections = NIOLockedValueBox<[ObjectIdentifier: Next]>([:])

    /// Has the record told of the next answer on this connection; `false` where there is no such connection (any more).
    ///
    /// One request of a connection is answered after the other.
    func expect(_ record: RequestRecord, on channel: any Channel) -> Bool {
        guard let next = self.connections.withLockedValue({ $0[ObjectIdentifier(channel)] }) else { return false }
        next.withLockedValue { $0 = record }
        return true
    }

    /// How many connections there are.
    var connectionCount: Int { self.connections.withLockedValue { $0.count } }

    fileprivate func open(_ channel: any Channel) -> Next {
        let next = Next(nil)
        self.connections.withLockedValue { $0[ObjectIdentifier(channel)] = next }
        return next
    }

    fileprivate func close(_ channel: any Channel) {
        self.connections.withLockedValue { $0[ObjectIdentifier(channel)] = nil }
    }
}

/// Told to the handlers in front when the last of an answer went past them that may be given again.
struct AnsweredRequest: Sendable {
    let record: RequestRecord
}

/// Watches the answers of one connection for ``SentAnswers``.
final class SentAnswerHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart

    private let answers: SentAnswers
    private var next: SentAnswers.Next?
    private var current: RequestRecord?
    private var isClientGone = false

    init(_ answers: SentAnswers) { self.answers = answers }

    func handlerAdded(context: ChannelHandlerContext) { self.next = self.answers.open(context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.answers.close(context.channel)
        self.current?.sent(false)
        self.next?.withLockedValue { $0 }?.sent(false)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { self.isClientGone = true }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind != .informational:
            self.current = self.next?.withLockedValue { next in
                defer { next = nil }
                return next
            }
            // Who closed its side before there was an answer does not wait for it; see decision 0016.
            if self.isClientGone { self.current?.sent(false) }
        case .end:
            guard let record = self.current else { break }
            self.current = nil
            let promise = promise ?? context.eventLoop.makePromise()
            record.isSent(with: promise.futureResult)
            context.write(data, promise: promise)
            if record.metadata != nil {
                context.triggerUserOutboundEvent(AnsweredRequest(record: record), promise: nil)
            }
            return
        default: break
        }
        context.write(data, promise: promise)
    }
}

extension RequestRecord {
    /// Tells the record how the write of its answer's last byte ends.
    func isSent(with write: EventLoopFuture<Void>) {
        write.whenComplete { result in
            if case .success = result { self.sent(true) } else { self.sent(false) }
        }
    }
}
