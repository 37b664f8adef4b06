// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes

extension Problem {
    /// What a provider's error is to a caller.
    ///
    /// An upstream's 401 or 403 is never passed on as ours.
    init(_ error: ProviderError) {
        self.init(Self.code(of: error.kind), error.message)
        if let field = error.field ?? (error.kind == .invalidURL ? "url" : nil) {
            self.errors = [FieldProblem(field: field, message: error.message)]
        }
        switch error.kind {
        case .rangeNotSatisfiable(let size):
            self.headers[.contentRange] = size.map { "bytes */\($0)" }
        case .failed(let failure):
            self.errors = [FieldProblem(field: "error.code", message: failure.code.rawValue)]
        case .notReady:
            self.headers[.retryAfter] = "5"
        default:
            break
        }
        if case .after(let wait) = error.retry {
            // Rounded up: who comes back a fraction of a second too soon is refused again.
            let seconds = min(wait.components.seconds, 86_400) + (wait.components.attoseconds > 0 ? 1 : 0)
            self.headers[.retryAfter] = String(max(1, min(seconds, 86_400)))
        }
    }

    private static func code(of kind: ProviderError.Kind) -> Code {
        switch kind {
        case .notFound: .notFound
        case .unsupported: .notSupported
        case .invalidRequest: .invalidRequest
        case .invalidURL: .invalidURL
        case .unauthorized: .upstreamAuth
        case .permission: .upstreamPermission
        case .downloadForbidden: .downloadForbidden
        case .rateLimited: .upstreamRateLimited
        case .conflict: .conflict
        case .machineNotRunning: .machineNotRunning
        case .notReady: .notReady
        case .failed: .downloadFailed
        case .rangeNotSatisfiable: .rangeNotSatisfiable
        case .addressRefused: .domainBlocked
        case .unavailable: .upstreamUnavailable
        case .timeout: .upstreamTimeout
        case .malformedResponse: .upstreamMalformed
        case .upstream: .upstreamError
        // The caller has left, or the gateway is stopping; nobody reads this but the log.
        case .cancelled: .upstreamUnavailable
        }
    }
}
