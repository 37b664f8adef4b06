// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

/// `auth.jwt`.
@Suite struct IssuerConfigurationTests {
    private func read(
        _ issuers: String,
        _ environment: [String: String] = [:],
        folder: String = "."
    ) throws -> [JWTIssuer] {
        try ConfigurationFile.read(
            "auth: { jwt: [ \(issuers) ] }",
            environment: environment,
            folder: folder,
            checkProvider: { _ in [] }
        )
        .issuers
    }

    private func problems(_ issuers: String) -> [FieldProblem] {
        do throws(ConfigurationError) {
            _ = try ConfigurationFile.read(
                "auth: { jwt: [ \(issuers) ] }",
                environment: [:],
                checkProvider: { _ in [] }
            )
            return []
        } catch {
            return error.problems
        }
    }

    private func fields(_ issuers: String) -> [String] { self.problems(issuers).map(\.field) }

    @Test func readsAnIssuerWithASharedSecret() throws {
        let issuer = try #require(
            self.read(
                #"{ issuer: https://id.example.com, audience: [a, b], algorithms: [HS256], leeway: 5s, secret: "${S}" }"#,
                ["S": String(repeating: "s", count: 32)]
            )
            .first
        )
        #expect(issuer.issuer == "https://id.example.com")
        #expect(issuer.audiences == ["a", "b"])
        #expect(issuer.algorithms == [.hs256])
        #expect(issuer.leeway == .seconds(5))
    }

    @Test func readsEverySourceOfKeys() throws {
        let folder = try TemporaryFolder()
        try JWTFixtures.rsa.write(toFile: folder.path + "/issuer.pem", atomically: true, encoding: .utf8)
        try FakeIssuer.set(SigningKey("a").jwk()).write(
            toFile: folder.path + "/keys.json",
            atomically: true,
            encoding: .utf8
        )
        let issuers = try self.read(
            """
            { issuer: a, audience: x, algorithms: [RS256], publicKey: issuer.pem },
            { issuer: b, audience: x, algorithms: [ES256], jwks: keys.json },
            { issuer: c, audience: x, algorithms: [ES256], jwks: "\(folder.path)/keys.json" },
            { issuer: d, audience: x, algorithms: [ES256, RS256], jwks: "https://d.example.com/keys?v=1" },
            { issuer: e, audience: x, algorithms: [ES256], jwks: "http://10.0.0.1:8080/keys" },
            { issuer: "https://f.example.com/realm/", audience: x, algorithms: [RS512] },
            { issuer: "http://127.0.0.1:9000", audience: x, algorithms: [RS512] }
            """,
            folder: folder.path
        )
        #expect(
            issuers.map(\.key) == [
                .publicKeyPEM(JWTFixtures.rsa), .keySet(.file(folder.path + "/keys.json")),
                .keySet(.file(folder.path + "/keys.json")), .keySet(.url("https://d.example.com/keys?v=1")),
                .keySet(.url("http://10.0.0.1:8080/keys")), .keySet(.discovery), .keySet(.discovery),
            ]
        )
    }

    @Test func saysWhichFieldsAreMissingWhereNoKeyCanBeFound() {
        let problems = self.problems("{ issuer: i, audience: a, algorithms: [RS256] }")
        #expect(problems.map(\.field) == ["auth.jwt[0].issuer"])
        for field in ["publicKey", "secret", "jwks"] { #expect(problems.allSatisfy { $0.message.contains(field) }) }
    }

    @Test(arguments: [
        ("issuer: i, algorithms: [RS256], jwks: x.json, secret: s", ["jwks", "secret"]),
        ("issuer: i, algorithms: [RS256], jwks: missing.json", ["jwks"]),
        ("issuer: i, algorithms: [RS256], jwks: /etc/hostname", ["jwks"]),
        ("issuer: i, algorithms: [RS256], jwks: ''", ["jwks"]),
        ("issuer: i, algorithms: [RS256], jwks: 'https://user:pw@example.com/keys'", ["jwks"]),
        ("issuer: i, algorithms: [RS256], jwks: 'https://'", ["jwks"]),
        ("issuer: i, algorithms: [RS256], jwks: 'https://a b/'", ["jwks"]),
        ("issuer: i, algorithms: [HS256], jwks: 'https://example.com/keys'", ["algorithms"]),
        ("issuer: 'https://example.com', algorithms: [HS256, RS256]", ["algorithms"]),
        ("issuer: 'https://example.com/?a=b', algorithms: [RS256]", ["issuer"]),
        ("issuer: 'https://example.com/#a', algorithms: [RS256]", ["issuer"]),
        ("issuer: 'ftp://example.com', algorithms: [RS256]", ["issuer"]),
        ("issuer: i, algorithms: [HS256]", ["issuer", "algorithms"]),
        (
            "issuer: i, algorithms: [], leeway: 2h, publicKey: missing.pem, kid: x",
            ["publicKey", "leeway", "kid", "algorithms"]
        ),
    ])
    func tellsEveryFaultOfTheKeysWithItsField(_ issuer: String, _ fields: [String]) {
        #expect(self.fields("{ audience: a, \(issuer) }") == fields.map { "auth.jwt[0].\($0)" })
    }

    @Test func anIssuerStandsOnce() {
        let issuer = "{ issuer: 'https://example.com', audience: a, algorithms: [RS256] }"
        #expect(self.fields("\(issuer), \(issuer)") == ["auth.jwt[1].issuer"])
    }

    @Test(arguments: [
        "{ issuer: i, audience: a, algorithms: [none], secret: 01234567890123456789012345678901 }",
        "{ issuer: i, audience: a, algorithms: [HS256], secret: short }",
        "{ issuer: i, audience: a, algorithms: [HS256] }",
        "{ issuer: i, audience: a, algorithms: [RS256], publicKey: missing.pem }",
        "{ issuer: i, audience: a, algorithms: [RS256], secret: 01234567890123456789012345678901 }",
        "{ audience: a, algorithms: [HS256], secret: 01234567890123456789012345678901 }",
        "{ issuer: i, algorithms: [HS256], secret: 01234567890123456789012345678901 }",
        "{ issuer: i, audience: a, secret: 01234567890123456789012345678901 }",
        "{ issuer: i, audience: a, algorithms: [HS256], secret: 01234567890123456789012345678901, kid: x }",
    ])
    func refusesIssuersThatCannotBeBelieved(_ issuer: String) {
        let problems = self.problems(issuer)
        #expect(!problems.isEmpty)
        #expect(problems.allSatisfy { $0.field.hasPrefix("auth.jwt[0].") })
        #expect(!problems.contains { $0.message.contains("0123456789") })
    }
}
