// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Holds each caller to its limits, and says in every answer what is left.
struct RateLimitMiddleware: RouterMiddleware {
    let limiter: RateLimiter
    let defaultPolicy: RateLimitPolicy
    let now: @Sendable () -> ContinuousClock.Instant

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard let caller = context.caller else { return try await next(request, context) }
        let policy = caller.limits ?? self.defaultPolicy
        let decision = await context.record.timing(\.limit) {
            self.limiter.admit(caller.id, policy, now: self.now())
        }
        context.record.hold(decision.permit)
        do {
            if let refusal = decision.refusal { throw Self.problem(refusal, policy, decision) }
            var response = try await next(request, context)
            Self.add(decision, to: &response.headers)
            return response
        } catch {
            // The fields belong to problems too, so the error is made one here.
            var problem = ProblemMiddleware.problem(for: error, context)
            Self.add(decision, to: &problem.headers)
            throw problem
        }
    }

    private static func problem(
        _ refusal: RateLimiter.Decision.Refusal,
        _ policy: RateLimitPolicy,
        _ decision: RateLimiter.Decision
    ) -> Problem {
        let detail =
            switch refusal {
            case .requests: "More requests than the limit of \(policy.requestsText)."
            case .concurrent: "More requests at the same time than the limit of \(policy.concurrent ?? 0)."
            case .crowded: "More callers at once than the gateway can hold to their limits."
            }
        return Problem(.rateLimited, detail, headers: [.retryAfter: String(decision.retryAfterSeconds)])
    }

    private static func add(_ decision: RateLimiter.Decision, to headers: inout HTTPFields) {
        headers[.rateLimitPolicy] = decision.policyField
        headers[.rateLimit] = decision.limitField
    }
}

extension HTTPField.Name {
    static let rateLimit = Self.known("RateLimit")
    static let rateLimitPolicy = Self.known("RateLimit-Policy")
    static let requestID = Self.known("X-Request-Id")
    static let reprDigest = Self.known("Repr-Digest")
    static let linkTarget = Self.known("Link")

    /// A name that stands in this file; a token by sight.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }
}
