// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Tracing

/// Opens the log entry of every request, also of the refused ones, and gives each request its id.
struct LogMiddleware: RouterMiddleware {
    let log: RequestLog
    let requestIDs: RequestIDs
    let proxies: Live<TrustedProxies>
    let sentAnswers: SentAnswers
    let tracer: (any Tracer)?
    let now: @Sendable () -> Date

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.clientAddress = self.proxies.current.clientAddress(
            peer: context.channel.remoteAddress,
            headers: request.headers
        )
        let requestID = self.requestIDs.id(presented: request.headers[values: .requestID])
        let trace = RequestTrace(
            request.headers,
            requestID: requestID,
            name: "\(request.method) \(context.endpointPath ?? "")",
            tracer: self.tracer
        )
        let record = self.record(of: request, requestID, trace, context)
        context.record = record
        context.logger[metadataKey: "request"] = "\(requestID)"
        if trace.context.isGiven { context.logger[metadataKey: "trace"] = "\(trace.context.traceID)" }
        let (counted, prepared) = (Self.counted(request, by: record), context)
        var response = try await TraceContext.$current.withValue(trace.context) { try await next(counted, prepared) }
        response.headers[.requestID] = record.requestID
        // Who is not known does not learn how long it took to find that out.
        if response.status != .unauthorized { response.headers.addServerTiming(record.serverTiming) }
        if request.method == .head { response.dropBody() }
        record.answered(status: response.status.code, bytes: response.body.contentLength ?? 0)
        if !self.sentAnswers.expect(record, on: context.channel) {
            // Gone already; or there never was a server, and whoever asked the router has the answer.
            record.sent(context.channel.isActive)
        }
        return response
    }

    private func record(
        of request: Request,
        _ requestID: String,
        _ trace: RequestTrace,
        _ context: GatewayContext
    ) -> RequestRecord {
        var entry = LogEntry(
            time: self.now(),
            requestId: requestID,
            method: request.method.rawValue,
            target: request.uri.string,
            status: 500,
            outcome: .failed
        )
        entry.route = context.endpointPath.flatMap { $0 == "NotFound" ? nil : $0 }
        entry.address = context.clientAddress
        entry.userAgent = request.headers[.userAgent].map(RedactedPath.withoutKey)
        return self.log.open(entry, trace: trace)
    }

    /// The request, with the bytes of its body counted as they are read.
    private static func counted(_ request: Request, by record: RequestRecord) -> Request {
        guard request.headers[.contentLength] != nil || request.headers[.transferEncoding] != nil else {
            return request
        }
        var request = request
        request.body = RequestBody(
            asyncSequence: request.body.map { buffer in
                record.note { $0.bytesIn += Int64(buffer.readableBytes) }
                return buffer
            }
        )
        return request
    }
}

extension Response {
    /// Leaves the head as it is: behind the head of an answer to `HEAD`, a body would be read as the next answer.
    fileprivate mutating func dropBody() {
        let headers = self.headers
        self.body = ResponseBody()
        self.headers = headers
    }
}
