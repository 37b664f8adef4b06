// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Opens the log entry of every request, also of the refused ones, and gives each request its id.
struct LogMiddleware: RouterMiddleware {
    let log: LogWriter
    let requestIDs: RequestIDs
    let proxies: Live<TrustedProxies>
    let sentAnswers: SentAnswers
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
        let record = self.record(of: request, context)
        context.record = record
        context.logger[metadataKey: "request"] = "\(record.requestID)"
        var response = try await next(Self.counted(request, by: record), context)
        response.headers[.requestID] = record.requestID
        if request.method == .head { response.dropBody() }
        record.answered(status: response.status.code, bytes: response.body.contentLength ?? 0)
        if !self.sentAnswers.expect(record, on: context.channel) {
            // Gone already; or there never was a server, and whoever asked the router has the answer.
            record.sent(context.channel.isActive)
        }
        return response
    }

    private func record(of request: Request, _ context: GatewayContext) -> RequestRecord {
        var entry = LogEntry(
            time: self.now(),
            requestId: self.requestIDs.id(presented: request.headers[values: .requestID]),
            method: request.method.rawValue,
            target: request.uri.string,
            status: 500,
            outcome: .failed
        )
        entry.route = context.endpointPath.flatMap { $0 == "NotFound" ? nil : $0 }
        entry.address = context.clientAddress
        entry.userAgent = request.headers[.userAgent]
        let log = self.log
        return RequestRecord(entry) { log.record($0) }
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

/// Makes the ids of requests.
struct RequestIDs: Sendable {
    /// Makes a new one.
    let make: @Sendable () -> String

    init(make: @escaping @Sendable () -> String = { UUID().uuidString.lowercased() }) { self.make = make }

    /// The caller's own id where it is 1–128 of `[A-Za-z0-9._-]`, else a new one.
    func id(presented: [String]) -> String {
        guard presented.count == 1, let id = presented.first, (1...128).contains(id.utf8.count),
            id.utf8.allSatisfy(Self.isAllowed)
        else { return self.make() }
        return id
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "._-".utf8.contains(byte)
        }
    }
}
