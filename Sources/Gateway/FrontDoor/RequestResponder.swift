// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Has the router answer the requests of a connection, as Hummingbird's own application does.
struct RequestResponder: Sendable {
    private let router: RouterResponder<GatewayContext>
    private let date: DateField
    private let logger: Logger

    init(_ router: RouterResponder<GatewayContext>, date: DateField, logger: Logger) {
        self.router = router
        self.date = date
        self.logger = logger
    }

    /// A body that was not well-formed, after the answer to it had begun.
    private struct BrokenRequest: Error {}

    @concurrent
    func respond(to request: Request, _ writer: consuming ResponseWriter, on channel: any Channel) async throws {
        var response = try await self.response(to: request, on: channel)
        response.headers[.date] = self.date.current
        do {
            try await writer.write(response: response.head, body: response.body)
        } catch is HTTPParserError {
            // Thrown as it is, it would be answered.
            throw BrokenRequest()
        }
    }

    /// The way to the answer, whose stack ends with it: what a connection's task once took it keeps, and what is left of it
    /// while a body is read counts for each of a thousand readers.
    private func response(to request: Request, on channel: any Channel) async throws -> Response {
        let context = GatewayContext(source: ApplicationRequestContextSource(channel: channel, logger: self.logger))
        do {
            // In a task of its own, whose stack was 52 KB.
            async let answer = self.router.respond(to: request, context: context)
            return try await answer
        } catch let error as HTTPParserError {
            throw error
        } catch {
            self.logger.error("An error came past every answer.", metadata: ["error": "\(error)"])
            return Response(status: .internalServerError)
        }
    }
}
