// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Gives the answers that the server itself makes, to what is no HTTP request at all, the form of every other problem.
///
/// Hummingbird answers malformed requests and oversized heads with an empty 400 before any middleware; each answer of ours
/// has `X-Request-Id`, so a 400 without one is such an answer.
final class FrontDoorHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let makeRequestID: @Sendable () -> String
    private let onRefusal: @Sendable (_ requestID: String, _ bytes: Int, _ address: String?) -> Void

    init(
        makeRequestID: @escaping @Sendable () -> String,
        onRefusal: @escaping @Sendable (_ requestID: String, _ bytes: Int, _ address: String?) -> Void
    ) {
        self.makeRequestID = makeRequestID
        self.onRefusal = onRefusal
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(let head) = self.unwrapOutboundIn(data), head.status == .badRequest,
            head.headerFields[.requestID] == nil
        else { return context.write(data, promise: promise) }
        let requestID = self.makeRequestID()
        let problem = Problem(.invalidRequest, "This is not a well-formed HTTP/1.1 request, or its head is too large.")
        let body = problem.body(requestID: requestID)
        let fields: HTTPFields = [
            .contentType: "application/problem+json", .contentLength: String(body.readableBytes),
            .cacheControl: "no-store", .connection: "close", .requestID: requestID, .date: HTTPDate.format(Date()),
        ]
        context.write(
            self.wrapOutboundOut(.head(HTTPResponse(status: .badRequest, headerFields: fields))),
            promise: nil
        )
        context.write(self.wrapOutboundOut(.body(body)), promise: promise)
        self.onRefusal(requestID, body.readableBytes, context.remoteAddress.flatMap(IPAddress.init)?.description)
    }
}
