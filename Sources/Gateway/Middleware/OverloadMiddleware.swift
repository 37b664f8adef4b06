// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Refuses what is beyond the number of requests that the gateway serves at a time, before anything is done for it, so that
/// those it serves stay quick.
///
/// The health routes are always answered: an overloaded gateway is not a broken one.
struct OverloadMiddleware: RouterMiddleware {
    let counts: FrontDoorCounts
    let server: Live<Configuration.Server>

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard !HealthRoutes.paths.contains(request.uri.path) else { return try await next(request, context) }
        guard let permit = self.counts.admit(limit: self.server.current.maxInFlight) else {
            throw Problem(
                .overloaded,
                "The gateway has as many requests under way as it serves at a time.",
                headers: [.retryAfter: "1"]
            )
        }
        context.record.hold(permit)
        return try await next(request, context)
    }
}
