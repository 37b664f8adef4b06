// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation

@testable import Gateway

/// An issuer's P-256 key, made anew: its public form, and tokens that are signed with it.
struct SigningKey: Sendable {
    let id: String?
    private let key = P256.Signing.PrivateKey()

    init(_ id: String?) { self.id = id }

    /// The JWK as JSON, with other members in place of its own (`nil`: without them); values are raw JSON.
    func jwk(_ changes: [String: String?] = [:]) -> String {
        let point = Array(self.key.publicKey.rawRepresentation)
        var members: [String: String?] = [
            "kty": #""EC""#, "crv": #""P-256""#, "x": "\"\(Base64URL.encode(point.prefix(32)))\"",
            "y": "\"\(Base64URL.encode(point.dropFirst(32)))\"", "kid": self.id.map { "\"\($0)\"" },
        ]
        members.merge(changes) { $1 }
        return "{"
            + members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.sorted().joined(separator: ",")
            + "}"
    }

    /// A token; `header` is more of its header.
    func token(header: String? = nil, payload: String = JWTForge.payload()) throws -> String {
        let members = [#""alg":"ES256""#, self.id.map { #""kid":"\#($0)""# }, header].compactMap(\.self)
        let signed =
            Base64URL.encode("{\(members.joined(separator: ","))}".utf8) + "." + Base64URL.encode(payload.utf8)
        return signed + "." + Base64URL.encode(try self.key.signature(for: Data(signed.utf8)).rawRepresentation)
    }
}
