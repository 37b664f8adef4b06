// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Logging

@testable import Gateway

/// Makes tokens, good and bad, from raw JSON.
enum JWTForge {
    static let secret = "a shared secret of 64 bytes, so that it is enough for HS512, too."
    static let now = Date(timeIntervalSince1970: 1_800_000_300)
    static let header = #"{"alg":"HS256","typ":"JWT"}"#

    /// Signs with HMAC-SHA-256, whatever the header says.
    static func token(header: String = Self.header, payload: String, secret: String = Self.secret) -> String {
        let signed = Base64URL.encode(header.utf8) + "." + Base64URL.encode(payload.utf8)
        let key = SymmetricKey(data: Data(secret.utf8))
        return signed + "." + Base64URL.encode(HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: key))
    }

    /// The members of a good payload, with others in their place (`nil`: without it).
    static func payload(_ changes: [String: String?] = [:]) -> String {
        var members: [String: String?] = [
            "iss": #""https://id.example.com""#, "aud": #""sluice""#, "sub": #""alice""#, "exp": "1800000600",
            "scope": #""downloads:read""#,
        ]
        members.merge(changes) { $1 }
        let lines = members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
        return "{" + lines.sorted().joined(separator: ",") + "}"
    }

    static func issuer(
        _ algorithms: [JWTAlgorithm] = [.hs256],
        _ key: JWTIssuer.KeySource = .secret(.init(secret))
    ) -> JWTIssuer {
        JWTIssuer(issuer: "https://id.example.com", audiences: ["sluice", "other"], algorithms: algorithms, key: key)
    }

    /// A verifier of issuers that publish nothing.
    static func verifier(_ issuers: [JWTIssuer]) throws -> JWTVerifier {
        try JWTVerifier(
            issuers,
            fetch: KeyFetch { url, _ throws(JWKSetError) in throw JWKSetError("nobody publishes \(url)") },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Verifies a token of the HS256 issuer.
    static func verify(_ token: String, at now: Date = Self.now) async throws -> Caller {
        try await Self.verifier([Self.issuer()]).verify(token, now: now)
    }

    /// Why a token is refused; `nil` where it is not.
    static func refusal(
        of token: String,
        by issuer: JWTIssuer = Self.issuer(),
        at now: Date = Self.now
    ) async throws -> JWTRefusal? {
        try await Self.refusal(of: token, by: Self.verifier([issuer]), at: now)
    }

    /// Why a token is refused; `nil` where it is not.
    static func refusal(of token: String, by verifier: JWTVerifier, at now: Date = Self.now) async -> JWTRefusal? {
        do throws(JWTRefusal) {
            _ = try await verifier.verify(token, now: now)
            return nil
        } catch {
            return error
        }
    }
}
