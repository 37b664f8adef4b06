// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Who is let in over HTTP, and how the others are refused.
@Suite struct AccessTests {
    static let carriers = ["X-API-Key", "X-BB-API-Key", "anchor-api-key"]

    private func fields(_ pairs: [(String, String)]) throws -> HTTPFields {
        var headers: HTTPFields = [:]
        for (name, value) in pairs { headers.append(.init(name: try #require(.init(name)), value: value)) }
        return headers
    }

    // MARK: Carriers

    @Test(arguments: AccessTests.carriers + ["x-api-key", "ANCHOR-API-KEY"])
    func everyCarrierTakesAGatewayKey(_ carrier: String) async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key()
        for value in [key, "  \(key)\t"] {
            let headers = try self.fields([(carrier, value)])
            #expect(try await fixture.send(.get, "/v1/downloads", key: nil, headers: headers).status == .ok)
        }
    }

    @Test(arguments: ["Bearer", "bearer", "BEARER"])
    func theSchemeIsReadInAnyLetterCase(_ scheme: String) async throws {
        let fixture = try await GatewayFixture([])
        let headers: HTTPFields = [.authorization: "\(scheme)  \(try await fixture.key())"]
        #expect(try await fixture.send(.get, "/v1/downloads", key: nil, headers: headers).status == .ok)
    }

    @Test func severalCarriersWithTheSameKeyAreFine() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key()
        let headers = try self.fields(Self.carriers.map { ($0, key) } + [("Authorization", "Bearer \(key)")])
        #expect(try await fixture.send(.get, "/v1/downloads", key: nil, headers: headers).status == .ok)
    }

    @Test func twoDifferentKeysAreRefused() async throws {
        let fixture = try await GatewayFixture([])
        let (one, two) = (try await fixture.key(), try await fixture.key())
        for pairs in [
            [("Authorization", "Bearer \(one)"), ("X-API-Key", two)], [("X-API-Key", one), ("X-API-Key", two)],
            [("X-BB-API-Key", one), ("anchor-api-key", two)], [("X-API-Key", one), ("X-BB-API-Key", "unknown")],
            [("Authorization", "Bearer \(one)"), ("Authorization", "Bearer \(two)")],
        ] {
            let answer = try await fixture.send(.get, "/v1/downloads", key: nil, headers: self.fields(pairs))
            #expect(answer.status == .badRequest)
            #expect(answer.problemCode == "INVALID_REQUEST")
            #expect(!answer.text.contains("slc_"))
        }
    }

    @Test(
        arguments: [
            [], [("Authorization", "")], [("Authorization", "Bearer")], [("Authorization", "Bearer ")],
            [("Authorization", "Basic dXNlcjpwYXNz")], [("X-API-Key", "")], [("X-API-Key", "a")],
            [("Cookie", "key=the-admin-key-of-all-tests")], [("Authorization", "the-admin-key-of-all-tests")],
            [("X-API-Key", String(repeating: "x", count: 10_000))], [("X-API-Key", "' OR 1=1 --")],
            [("Authorization", "Bearer a.b.c")], [("Authorization", "Bearer ..")],
        ] as [[(String, String)]]
    )
    func withoutAKnownKeyNobodyIsLetIn(_ pairs: [(String, String)]) async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(.get, "/v1/downloads", key: nil, headers: self.fields(pairs))
        #expect(answer.status == .unauthorized)
        #expect(answer.problemCode == "UNAUTHENTICATED")
        #expect(answer.headers[.wwwAuthenticate] == "Bearer")
        #expect(answer.headers[.rateLimit] == nil)
    }

    @Test func aKeyInTheQueryIsNoCredential() async throws {
        let fixture = try await GatewayFixture([])
        for name in ["key", "api_key", "access_token", "token"] {
            let answer = try await fixture.send(.get, "/v1/downloads?\(name)=\(GatewayFixture.adminKey)", key: nil)
            #expect(answer.problemCode == "UNAUTHENTICATED")
        }
    }

    // MARK: Keys that are no more

    @Test func revokedExpiredAndUnknownKeysAnswerAlike() async throws {
        let fixture = try await GatewayFixture([])
        let revoked = try await fixture.gateway.keys.create(KeySettings(name: "r", scopes: [.read]))
        let expired = try await fixture.key(expiresAt: fixture.time.now.addingTimeInterval(10))
        #expect(try await fixture.send(.get, "/v1/downloads", key: revoked.key.secret.reveal()).status == .ok)
        #expect(try await fixture.send(.get, "/v1/downloads", key: expired).status == .ok)
        _ = try await fixture.gateway.keys.revoke(revoked.stored.id)
        fixture.time.advance(11)
        var source = SeededSource(state: 1)
        let unknown = GatewayKey.generate(using: &source)
        let rotated = try await fixture.gateway.keys.create(KeySettings(name: "o", scopes: [.read]))
        _ = try await fixture.gateway.keys.rotate(rotated.stored.id).get()
        let gone = [revoked, rotated].map { $0.key.secret.reveal() }
        let keys = gone + [expired, unknown.secret.reveal(), "not-even-a-gateway-key"]
        var answers: [Answer] = []
        for key in keys { answers.append(try await fixture.send(.get, "/v1/downloads", key: key)) }
        for answer in answers {
            #expect(answer.problemCode == "UNAUTHENTICATED")
            #expect(
                answer.text.without(answer.headers[.requestID])
                    == answers[0].text.without(answers[0].headers[.requestID])
            )
            let heads = [answer, answers[0]].map { $0.headers.filter { $0.name != .requestID } }
            #expect(heads[0] == heads[1])
        }
    }

    // MARK: Tokens

    private func tokenFixture() async throws -> GatewayFixture {
        try await GatewayFixture([]) { $0.issuers = [JWTForge.issuer()] }
    }

    @Test func aTokenIsTakenAsBearerOnly() async throws {
        let fixture = try await self.tokenFixture()
        let token = JWTForge.token(payload: JWTForge.payload())
        #expect(try await fixture.send(.get, "/v1/downloads", key: token).status == .ok)
        let headers = try self.fields([("X-API-Key", token)])
        let answer = try await fixture.send(.get, "/v1/downloads", key: nil, headers: headers)
        #expect(answer.problemCode == "UNAUTHENTICATED")
        let entry = try await fixture.log().first
        #expect(entry?.caller == "alice")
        #expect(entry?.keyId?.hasPrefix("jwt:") == true)
    }

    @Test func aTokenWhoseTimeIsOverSaysSo() async throws {
        let fixture = try await self.tokenFixture()
        let token = JWTForge.token(payload: JWTForge.payload())
        fixture.time.advance(700)
        let answer = try await fixture.send(.get, "/v1/downloads", key: token)
        #expect(answer.status == .unauthorized)
        #expect(answer.problemCode == "TOKEN_EXPIRED")
        #expect(answer.headers[.wwwAuthenticate] == "Bearer")
    }

    @Test func aForgedTokenIsUnknownEvenWhenItsTimeIsOver() async throws {
        let fixture = try await self.tokenFixture()
        for seconds in [0.0, 700] {
            fixture.time.advance(seconds)
            let forged = JWTForge.token(payload: JWTForge.payload(), secret: String(repeating: "x", count: 64))
            #expect(try await fixture.send(.get, "/v1/downloads", key: forged).problemCode == "UNAUTHENTICATED")
            let none = JWTForge.token(header: #"{"alg":"none"}"#, payload: JWTForge.payload())
            #expect(try await fixture.send(.get, "/v1/downloads", key: none).problemCode == "UNAUTHENTICATED")
        }
    }

    @Test func aTokenMayOnlyWhatItsScopesSay() async throws {
        let fixture = try await self.tokenFixture()
        let token = JWTForge.token(payload: JWTForge.payload(["scope": #""logs:read""#]))
        let answer = try await fixture.send(.get, "/v1/downloads", key: token)
        #expect(answer.problemCode == "INSUFFICIENT_SCOPE")
        #expect(try await fixture.send(.get, "/v1/logs", key: token).status == .ok)
    }

    // MARK: Scopes

    @Test(arguments: [
        ("GET", "/v1/downloads", Scope.read), ("GET", "/v1/downloads/dl_x", .read),
        ("HEAD", "/v1/downloads/dl_x", .read),
        ("DELETE", "/v1/downloads/dl_x", .delete), ("GET", "/v1/logs", .logs), ("GET", "/metrics", .metrics),
        ("GET", "/v1/keys", .admin),
        ("POST", "/v1/keys", .admin), ("GET", "/v1/keys/key_x", .admin), ("DELETE", "/v1/keys/key_x", .admin),
        ("PATCH", "/v1/keys/key_x", .admin), ("POST", "/v1/keys/key_x/rotate", .admin),
        ("POST", "/v1/providers/alpha/test", .admin),
    ])
    func aMissingScopeIsNamed(_ method: String, _ path: String, _ scope: Scope) async throws {
        let fixture = try await GatewayFixture([FakeProvider("alpha")])
        let verb = try #require(HTTPRequest.Method(method))
        let without = try await fixture.key(Set(Scope.allCases).subtracting([scope, .admin]))
        let refused = try await fixture.send(verb, path, key: without)
        #expect(refused.status == .forbidden)
        if verb != .head {
            #expect(refused.problemCode == "INSUFFICIENT_SCOPE")
            #expect(refused.text.contains("'\(scope.rawValue)'"))
        }
        let with = try await fixture.key([scope])
        let answer = try await fixture.send(verb, path, key: with)
        #expect(answer.status != .forbidden && answer.status != .unauthorized)
    }

    /// rclone CVE-2026-49980: a verb that nobody had thought of needed no login.
    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "FOO"])
    func rcloneCVE_2026_49980_everyVerbOnEveryPathNeedsAKey(_ method: String) async throws {
        let fixture = try await GatewayFixture([FakeProvider("alpha")])
        let verb = try #require(HTTPRequest.Method(method))
        for path in [
            "/v1/downloads", "/v1/downloads/dl_x", "/v1/keys", "/v1/keys/x", "/v1/keys/x/rotate", "/v1/logs",
            "/v1/providers",
            "/v1/providers/alpha", "/v1/providers/alpha/test", "/openapi.yaml", "/openapi.json", "/metrics", "/unknown",
            "/healthz/x", "/v1",
        ] {
            let answer = try await fixture.send(verb, path, key: nil)
            #expect(answer.status == .unauthorized, "\(method) \(path)")
        }
    }

    @Test func healthNeedsNoKeyAndTellsNothing() async throws {
        let fixture = try await GatewayFixture([])
        #expect(try await fixture.send(.get, "/healthz", key: nil).text == #"{"status":"ok"}"#)
        let none = #"{"providers":{"degraded":0,"down":0,"ok":0,"unconfigured":0},"status":"ready"}"#
        #expect(try await fixture.send(.get, "/readyz", key: nil).text == none)
        #expect(try await fixture.send(.post, "/healthz", key: nil).status == .methodNotAllowed)
    }

    /// RFC 9110, 9.1; load balancers ask with either.
    @Test(arguments: ["/healthz", "/readyz"])
    func healthIsToldToHEADToo(_ path: String) async throws {
        let fixture = try await GatewayFixture([])
        let (got, head) = (
            try await fixture.send(.get, path, key: nil), try await fixture.send(.head, path, key: nil)
        )
        #expect(head.status == .ok && head.text == "")
        #expect(head.headers[.contentLength] == String(got.text.utf8.count))
        #expect(head.headers[.contentType] == got.headers[.contentType])
    }

    @Test func readinessCountsProvidersAndNamesNone() async throws {
        let fixture = try await GatewayFixture([FakeProvider("alpha"), FakeProvider("beta")], unconfigured: ["gamma"])
        let answer = try await fixture.send(.get, "/readyz", key: nil)
        let some = #"{"providers":{"degraded":0,"down":0,"ok":2,"unconfigured":1},"status":"ready"}"#
        #expect(answer.status == .ok && answer.text == some)
    }

    // MARK: Incidents

    /// oauth2-proxy CVE-2025-64484: `X_Forwarded_Email` became `X-Forwarded-Email` behind the proxy.
    @Test(arguments: ["X_API_Key", "X_Forwarded_For", "Authorization_", "_", "a_b"])
    func oauth2ProxyCVE_2025_64484_underscoresInFieldNamesAreRefused(_ name: String) async throws {
        let fixture = try await GatewayFixture([])
        let headers = try self.fields([(name, GatewayFixture.adminKey)])
        for path in ["/v1/downloads", "/healthz"] {
            let answer = try await fixture.send(.get, path, headers: headers)
            #expect(answer.problemCode == "INVALID_REQUEST")
            #expect(answer.problemFields == [name])
            #expect(!answer.text.contains(GatewayFixture.adminKey))
        }
    }

    @Test func forwardedFieldsAreNotBelieved() async throws {
        let fixture = try await GatewayFixture([])
        let headers = try self.fields([("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")])
        _ = try await fixture.send(.get, "/v1/downloads", headers: headers)
        #expect(try await fixture.log().map(\.address) == ["192.0.2.7"])
    }

    /// TykTechnologies/tyk#1681: keys of three characters or fewer were let through.
    @Test func tyk_1681_shortKeysAreUnknown() async throws {
        let fixture = try await GatewayFixture([])
        for key in ["a", "ab", "abc", "slc", "the", "0"] {
            #expect(try await fixture.send(.get, "/v1/downloads", key: key).status == .unauthorized)
        }
    }
}
