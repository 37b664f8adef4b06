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
    let now: @Sendable () -> Date

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let requestID = self.requestIDs.id(presented: request.headers[values: .requestID])
        var entry = LogEntry(
            time: self.now(),
            requestId: requestID,
            method: request.method.rawValue,
            target: request.uri.string,
            status: 500,
            outcome: .failed
        )
        entry.route = context.endpointPath.flatMap { $0 == "NotFound" ? nil : $0 }
        entry.address = context.channel.remoteAddress?.ipAddress
        entry.userAgent = request.headers[.userAgent]
        let log = self.log
        var context = context
        context.record = RequestRecord(entry) { log.record($0) }
        context.logger[metadataKey: "request"] = "\(requestID)"
        var response = try await next(request, context)
        response.headers[.requestID] = requestID
        if request.method == .head { response.dropBody() }
        context.record.answered(status: response.status.code, bytes: response.body.contentLength ?? 0)
        return response
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
