// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Hummingbird

/// Holds each caller to its limits, and says in every answer what is left.
struct RateLimitMiddleware: RouterMiddleware {
    let source: LimitSource
    let refusals: Tally<LimitRefusal>

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard let caller = context.caller else { return try await next(request, context) }
        let limits = self.source.limits(of: caller)
        let decision = await context.record.timing(.limit) { limits.admit() }
        if let permit = decision.permit { context.record.hold(permit) }
        do {
            if let refusal = decision.refusal {
                self.refusals.add(LimitRefusal(refusal))
                throw Self.problem(refusal, limits.policy, decision)
            }
            var context = context
            context.limits = limits
            var response = try await next(request, context)
            response.headers.addLimits(decision, limits.bytesLeft)
            return response
        } catch {
            // The fields belong to problems too, so the error is made one here.
            var problem = ProblemMiddleware.problem(for: error, context)
            // A refused request costs nothing, also where only its route could see that its file does not fit.
            let exceedsQuota = problem.code == .quotaExceeded
            if exceedsQuota { self.refusals.add(.bytes) }
            let left = exceedsQuota ? limits.giveBack(decision) : decision
            problem.headers.addLimits(left, limits.bytesLeft)
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
}

extension HTTPFields {
    /// Adds what is left: lists (RFC 9651) of requests first and bytes second, each where it is limited.
    mutating func addLimits(_ decision: RateLimiter.Decision, _ bytes: RateLimiter.BytesLeft?) {
        let policies = [decision.policyField, bytes?.policyField].compactMap(\.self)
        guard !policies.isEmpty else { return }
        self[.rateLimitPolicy] = policies.joined(separator: ", ")
        self[.rateLimit] = [decision.limitField, bytes?.limitField].compactMap(\.self).joined(separator: ", ")
    }
}

extension HTTPField.Name {
    static let rateLimit = Self.known("RateLimit")
    static let rateLimitPolicy = Self.known("RateLimit-Policy")
    static let requestID = Self.known("X-Request-Id")
    static let serverTiming = Self.known("Server-Timing")
    static let reprDigest = Self.known("Repr-Digest")
    static let linkTarget = Self.known("Link")

    /// A name that stands in this file; a token by sight.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }
}
