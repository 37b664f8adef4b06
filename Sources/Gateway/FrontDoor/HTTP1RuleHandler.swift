// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOHTTP1

/// Holds one connection of HTTP/1 to the rules of RFC 9112 that the decoder leaves open.
///
/// It stands right behind the decoder: what comes after it knows one host only, one way that a body ends, and no version. Who
/// stands in front of the gateway may have gone by another reading, and would have the gateway go by this one.
final class HTTP1RuleHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let arrivals: ArrivalHandler
    /// Nothing that comes now is a request.
    private var hasEnded = false
    /// The last request that was passed on is the connection's last; `nil`: there may be more.
    private var last: HTTPVersion?
    /// The requests that were passed on and not answered: whether each is `HEAD`.
    private var unanswered = CircularBuffer<Bool>(initialCapacity: 1)
    /// An answer is under way whose end is the connection's.
    private var isUnframed = false

    init(_ arrivals: ArrivalHandler) { self.arrivals = arrivals }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasEnded else { return }
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            if let problem = HTTP1Rules.problem(with: head) { return self.refuse(problem, context) }
            self.arrivals.framing.bodyBegins()
            self.unanswered.append(head.method == .HEAD)
            if let head = self.headOfLast(head) {
                return context.fireChannelRead(self.wrapInboundOut(.head(head)))
            }
        case .body(let bytes): self.arrivals.framing.bodyCame(bytes.readableBytes)
        case .end:
            self.arrivals.framing.bodyEnded()
            self.hasEnded = self.last != nil
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What the decoder makes of the rest of a refused request is nobody's business.
        guard !self.hasEnded || !(error is HTTPParserError) else { return }
        guard case .invalidMethod? = error as? HTTPParserError, self.arrivals.isRequestLine else {
            return context.fireErrorCaught(error)
        }
        self.refuse(Problem(.notSupported, "No resource here has this method."), context)
    }

    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        self.hasEnded = true
        context.fireErrorCaught(RefusedRequest(problem: problem))
    }

    /// The head of a request that is the connection's last (RFC 9112, 9.3 and 9.6), as what comes after this understands it;
    /// `nil` where there may be another.
    ///
    /// One of HTTP/1.0 always is: to keep such a connection open is an offer that need not be taken.
    private func headOfLast(_ head: HTTPRequestHead) -> HTTPRequestHead? {
        guard !head.isKeepAlive || head.version == .http1_0 else { return nil }
        self.last = head.version
        var head = head
        head.headers.replaceOrAdd(name: "connection", value: "close")
        // RFC 9110, 10.1.1: such an expectation is none in HTTP/1.0, which knows no interim answers.
        if head.version == .http1_0 { head.headers.remove(name: "expect") }
        return head
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head(var head):
            guard let last, self.unanswered.count <= 1, !head.status.isInformational else { break }
            head.headers.replaceOrAdd(name: "connection", value: "close")
            // RFC 9112, 6.1: HTTP/1.0 knows no chunks. As an answer of its own version it gets none: it ends with the connection.
            if last == .http1_0, !head.headers.contains(name: "content-length") {
                head.version = .http1_0
                self.isUnframed = true
            }
            return context.write(self.wrapOutboundOut(.head(head)), promise: promise)
        case .body: break
        case .end:
            self.isUnframed = false
            guard self.unanswered.popFirst() == true else { break }
            // RFC 9112, 6.3: the encoder knows no `HEAD`, and would end what is no body with the last chunk.
            return context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: promise)
        }
        context.write(data, promise: promise)
    }

    /// A body that breaks off must not look like one that has ended: such a connection is reset.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard self.isUnframed else { return context.close(mode: mode, promise: promise) }
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        // Of our side alone, it would be an end too.
        context.close(mode: .all, promise: promise)
    }
}

extension HTTPResponseStatus {
    fileprivate var isInformational: Bool { (100..<200).contains(self.code) }
}
