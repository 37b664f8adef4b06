// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Gateway

/// OpenID Connect Discovery 1.0, section 4.
@Suite struct JWKSetLoaderTests {
    private static let document = "https://id.example.com/.well-known/openid-configuration"

    private func load(
        _ issuer: String = "https://id.example.com",
        from documents: [String: String]
    ) async throws(JWKSetError) -> JWKSet {
        var settings = JWTForge.issuer([.es256], .keySet(.discovery))
        settings.issuer = issuer
        let fetch = KeyFetch { url, configured throws(JWKSetError) in
            guard configured == issuer, let document = documents[url] else { throw JWKSetError("no \(url)") }
            return Array(document.utf8)
        }
        return try await JWKSetLoader(issuer: settings, location: .discovery, fetch: fetch).load()
    }

    @Test(arguments: ["https://keys.example.com/jwks", "https://id.example.com/jwks"])
    func keysAreFoundThroughTheIssuersOwnDocument(_ url: String) async throws {
        let set = try await self.load(from: [
            Self.document: #"{"issuer":"https://id.example.com","jwks_uri":"\#(url)","scopes_supported":["openid"]}"#,
            url: FakeIssuer.set(SigningKey("a").jwk()),
        ])
        #expect(set.key("a", for: .es256) != nil)
    }

    @Test func aRealmAndASlashAtTheEndKeepTheirPlace() async throws {
        for issuer in ["https://id.example.com/realms/a", "https://id.example.com/realms/a/"] {
            let set = try await self.load(
                issuer,
                from: [
                    "https://id.example.com/realms/a/.well-known/openid-configuration":
                        #"{"issuer":"\#(issuer)","jwks_uri":"https://id.example.com/k"}"#,
                    "https://id.example.com/k": FakeIssuer.set(SigningKey("a").jwk()),
                ]
            )
            #expect(set.count == 1)
        }
    }

    @Test(arguments: [
        "https://id.example.com/", "https://ID.example.com", "https://evil.example.com", "http://id.example.com", "",
    ])
    func aDocumentOfAnotherIssuerIsRefused(_ named: String) async throws {
        let documents = [
            Self.document: #"{"issuer":"\#(named)","jwks_uri":"https://id.example.com/k"}"#,
            "https://id.example.com/k": FakeIssuer.set(SigningKey("a").jwk()),
        ]
        await #expect(throws: JWKSetError("The discovery document is another issuer's.")) {
            try await self.load(from: documents)
        }
    }

    @Test(arguments: [
        "http://id.example.com/k", "file:///etc/passwd", "/k", "", "ftp://id.example.com/k", "HTTP://id.example.com/k",
    ])
    func keysOfASafeIssuerAreNotFetchedUnsafely(_ url: String) async throws {
        let documents = [
            Self.document: #"{"issuer":"https://id.example.com","jwks_uri":"\#(url)"}"#,
            url: FakeIssuer.set(SigningKey("a").jwk()),
        ]
        await #expect(throws: JWKSetError("The discovery document's 'jwks_uri' is not https.")) {
            try await self.load(from: documents)
        }
    }

    @Test func plainHTTPIsTheOperatorsDecision() async throws {
        let set = try await self.load(
            "http://127.0.0.1:9000",
            from: [
                "http://127.0.0.1:9000/.well-known/openid-configuration":
                    #"{"issuer":"http://127.0.0.1:9000","jwks_uri":"http://127.0.0.1:9000/k"}"#,
                "http://127.0.0.1:9000/k": FakeIssuer.set(SigningKey("a").jwk()),
            ]
        )
        #expect(set.count == 1)
    }

    @Test(arguments: [
        "", "[]", "<html>", #"{"issuer":"https://id.example.com"}"#, #"{"jwks_uri":"https://id.example.com/k"}"#,
        #"{"issuer":["https://id.example.com"],"jwks_uri":"https://id.example.com/k"}"#,
        #"{"issuer":"https://id.example.com","issuer":"https://id.example.com","jwks_uri":"https://id.example.com/k"}"#,
        #"{"issuer":"https://id.example.com","jwks_uri":["https://id.example.com/k"]}"#,
    ])
    func aDocumentThatSaysNothingIsRefused(_ document: String) async throws {
        let documents = [Self.document: document, "https://id.example.com/k": FakeIssuer.set(SigningKey("a").jwk())]
        await #expect(throws: JWKSetError.self) { try await self.load(from: documents) }
    }
}
