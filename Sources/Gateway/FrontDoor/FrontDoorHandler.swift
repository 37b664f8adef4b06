// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Gives the answers that the server itself makes, to what is no HTTP request at all, the form of every other problem; and
/// says `Connection: close`, which HTTP/2 has no place for, where the gateway is about to stop.
///
/// Hummingbird answers malformed requests and oversized heads with an empty 400 before any middleware; each answer of ours
/// has `X-Request-Id`, so a 400 without one is such an answer.
final class FrontDoorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A request that no middleware saw.
    struct Refusal {
        let reason: FrontDoorRefusal
        let code: Problem.Code
        let requestID: String
        /// Of the answer's body.
        let bytes: Int
        let address: String?
    }

    private let version: FrontDoorChannel.Version
    private let makeRequestID: @Sendable () -> String
    private let isStopping: @Sendable () -> Bool
    private let onRefusal: @Sendable (Refusal) -> Void
    private var reason = FrontDoorRefusal.malformed
    private var problem = Problem(
        .invalidRequest,
        "This is not a well-formed HTTP/1.1 request, or its head is too large."
    )

    init(
        _ version: FrontDoorChannel.Version,
        makeRequestID: @escaping @Sendable () -> String,
        isStopping: @escaping @Sendable () -> Bool,
        onRefusal: @escaping @Sendable (Refusal) -> Void
    ) {
        self.version = version
        self.makeRequestID = makeRequestID
        self.isStopping = isStopping
        self.onRefusal = onRefusal
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .headerOverflow? = error as? HTTPParserError { self.reason = .largeHead }
        if let refused = error as? RefusedRequest {
            self.problem = refused.problem
            // The server answers what it takes for its parser's own errors.
            return context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
        }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = self.unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        if self.version == .http2 {
            head.headerFields[.connection] = nil
            context.write(self.wrapOutboundOut(.head(head)), promise: promise)
        } else if head.status == .badRequest, head.headerFields[.requestID] == nil {
            self.refuse(context, promise)
        } else if head.status.kind != .informational, self.isStopping() {
            head.headerFields[.connection] = "close"
            context.write(self.wrapOutboundOut(.head(head)), promise: promise)
        } else {
            context.write(data, promise: promise)
        }
    }

    private func refuse(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        // The end of a connection in the middle of a head is no request.
        guard context.channel.isActive else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        let requestID = self.makeRequestID()
        let code = self.problem.code
        let body = self.problem.body(requestID: requestID)
        let fields: HTTPFields = [
            .contentType: "application/problem+json", .contentLength: String(body.readableBytes),
            .cacheControl: "no-store", .connection: "close", .requestID: requestID, .date: HTTPDate.format(Date()),
        ]
        context.write(
            self.wrapOutboundOut(.head(HTTPResponse(status: code.status, headerFields: fields))),
            promise: nil
        )
        context.write(self.wrapOutboundOut(.body(body)), promise: promise)
        let address = context.remoteAddress.flatMap(IPAddress.init)?.description
        self.onRefusal(
            Refusal(
                reason: self.reason,
                code: code,
                requestID: requestID,
                bytes: body.readableBytes,
                address: address
            )
        )
    }
}
