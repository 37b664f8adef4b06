// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// Finds out who is calling; only few paths are for anybody.
struct AuthenticationMiddleware: RouterMiddleware {
    /// The paths that need no key.
    let openPaths: Set<String>
    let authenticator: Authenticator
    let now: @Sendable () -> Date

    @concurrent
    func handle(
        _ request: Request,
        context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        guard let path = context.target?.path, !self.openPaths.contains(path) else {
            return try await next(request, context)
        }
        let caller = try await context.record.timing(.auth) { () async throws(Problem) in
            try await self.caller(request, context)
        }
        var context = context
        context.caller = caller
        context.record.note { entry in
            entry.keyId = caller.id
            entry.caller = caller.displayName
        }
        return try await next(request, context)
    }

    /// Throws `INVALID_REQUEST` for two carriers with different values, `UNAUTHENTICATED` for none or an unknown one,
    /// `TOKEN_EXPIRED` for a JWT that was good once.
    private func caller(_ request: Request, _ context: GatewayContext) async throws(Problem) -> Caller {
        let credential = try PresentedCredential(request.headers)
        do throws(Authenticator.Refusal) {
            return try await self.authenticator.authenticate(
                credential.value,
                in: credential.carrier,
                from: context.clientAddress,
                now: self.now()
            )
        } catch {
            switch error {
            case .unauthenticated(let reason):
                context.logger.debug("Refused a credential.", metadata: ["reason": "\(reason)"])
                throw .unauthenticated("The key or token is not known here.")
            case .tokenExpired: throw .unauthenticated("The token has expired.", code: .tokenExpired)
            case .unavailable(let failure):
                context.logger.error("The store of keys failed.", metadata: ["error": "\(failure)"])
                throw Problem(.internalError, "The gateway cannot read its keys; the operator's log says why.")
            }
        }
    }
}

/// The key or token of a request, from whichever field carries it.
struct PresentedCredential {
    let value: String
    let carrier: Authenticator.Carrier

    private static let keyFields: [HTTPField.Name] = ["X-API-Key", "X-BB-API-Key", "anchor-api-key"].compactMap {
        .init($0)
    }

    /// Throws `UNAUTHENTICATED` where there is none, `INVALID_REQUEST` where there are several that differ.
    init(_ headers: HTTPFields) throws(Problem) {
        let bearer = headers[values: .authorization].compactMap(Self.bearer).filter { !$0.isEmpty }
        let keys = Self.keyFields.flatMap { headers[values: $0] }.map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
        let values = bearer + keys
        guard values.allSatisfy({ $0 == values.first }) else {
            throw Problem(.invalidRequest, "The request carries several keys, and they differ.")
        }
        if let value = bearer.first {
            (self.value, self.carrier) = (value, .bearer)
        } else if let value = keys.first {
            (self.value, self.carrier) = (value, .apiKey)
        } else {
            throw .unauthenticated("A gateway key or a token is needed.")
        }
    }

    private static func bearer(_ value: String) -> String? {
        let parts = value.utf8.split(separator: UInt8(ascii: " "), maxSplits: 1)
        guard parts.count == 2, Substring(parts[0]).lowercased() == "bearer" else { return nil }
        return Substring(parts[1]).trimmingBlanks()
    }
}

extension Problem {
    fileprivate static func unauthenticated(_ detail: String, code: Code = .unauthenticated) -> Problem {
        Problem(code, detail, headers: [.wwwAuthenticate: "Bearer"])
    }
}
