// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// Has the router answer the requests of a connection, as Hummingbird's own application does.
struct RequestResponder: Sendable {
    private let router: RouterResponder<GatewayContext>
    private let date: DateField
    private let logger: Logger

    init(_ router: RouterResponder<GatewayContext>, now: @escaping @Sendable () -> Date, logger: Logger) {
        self.router = router
        self.date = DateField(now: now)
        self.logger = logger
    }

    /// A body that was not well-formed, after the answer to it had begun.
    private struct BrokenRequest: Error {}

    @concurrent
    func respond(to request: Request, _ writer: consuming ResponseWriter, on channel: any Channel) async throws {
        let context = GatewayContext(source: ApplicationRequestContextSource(channel: channel, logger: self.logger))
        var response: Response
        do {
            // In a task of its own, whose stack ends with it: the connection's task keeps what the way to an answer took of its
            // stack, which was 52 KB for each reader of a body.
            async let answer = self.router.respond(to: request, context: context)
            response = try await answer
        } catch let error as HTTPParserError {
            throw error
        } catch {
            self.logger.error("An error came past every answer.", metadata: ["error": "\(error)"])
            response = Response(status: .internalServerError)
        }
        response.headers[.date] = self.date.current
        do {
            try await writer.write(response: response.head, body: response.body)
        } catch is HTTPParserError {
            // Thrown as it is, it would be answered.
            throw BrokenRequest()
        }
    }
}

/// The `Date` of answers, made once a second.
private final class DateField: Sendable {
    private let now: @Sendable () -> Date
    private let box = NIOLockedValueBox<(second: Double, text: String)>((-.infinity, ""))

    init(now: @escaping @Sendable () -> Date) { self.now = now }

    var current: String {
        let time = self.now()
        let second = time.timeIntervalSince1970.rounded(.down)
        return self.box.withLockedValue { box in
            if box.second != second { box = (second, HTTPDate.format(time)) }
            return box.text
        }
    }
}
