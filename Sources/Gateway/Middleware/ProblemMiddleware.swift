// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Hummingbird
import Logging

/// Turns every error into problem+json: the only place that does.
struct ProblemMiddleware: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let problem = Self.problem(for: error, context)
            context.record.note { $0.code = problem.code.rawValue }
            return problem.response(requestID: context.record.requestID)
        }
    }

    /// The only mapping of errors.
    static func problem(for error: any Error, _ context: GatewayContext) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as ProviderError: return Problem(error)
        case let error as HTTPError where error.status == .notFound: return .notFound
        case let error as HTTPError where error.status.kind == .clientError:
            return Problem(.invalidRequest, "The request is not valid.")
        default:
            context.logger.error("A request failed.", metadata: ["error": "\(error)"])
            return Problem(.internalError, "The gateway failed; the operator's log says why.")
        }
    }
}
