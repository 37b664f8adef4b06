// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Finds out who is calling, by gateway key or token.
public struct Authenticator: Sendable {
    /// Where the credential stood.
    public enum Carrier: Sendable {
        /// `Authorization: Bearer …`: a gateway key or a token.
        case bearer
        /// `X-API-Key` and the vendors' own headers: a gateway key.
        case apiKey
    }

    /// Why nobody was recognised.
    public enum Refusal: Error, Sendable {
        /// There is no such caller; the reason is for the log.
        case unauthenticated(String)
        /// The token was good, but its time is over.
        case tokenExpired
        /// The store did not answer.
        case unavailable(StoreError)
    }

    private let keys: KeyRing
    private let tokens: Live<JWTVerifier>

    /// Creates an authenticator.
    public init(keys: KeyRing, tokens: JWTVerifier) { self.init(keys: keys, tokens: Live(tokens)) }

    /// Creates one whose issuers may be replaced.
    init(keys: KeyRing, tokens: Live<JWTVerifier>) {
        self.keys = keys
        self.tokens = tokens
    }

    /// The caller that `credential` stands for.
    public func authenticate(
        _ credential: String,
        in carrier: Carrier,
        from address: String? = nil,
        now: Date
    ) async throws(Refusal) -> Caller {
        do throws(StoreError) {
            if let caller = try await self.keys.authenticate(credential, from: address) { return caller }
        } catch {
            throw .unavailable(error)
        }
        guard carrier == .bearer, JWTVerifier.isToken(credential) else { throw .unauthenticated("unknown key") }
        do throws(JWTRefusal) {
            return try await self.tokens.current.verify(credential, now: now)
        } catch {
            switch error {
            case .expired: throw .tokenExpired
            case .invalid(let reason): throw .unauthenticated("token refused: \(reason)")
            }
        }
    }
}
