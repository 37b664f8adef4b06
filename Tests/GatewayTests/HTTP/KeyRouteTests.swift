// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct KeyRouteTests {
    private static let json: HTTPFields = [.contentType: "application/json"]

    private func create(
        _ fixture: GatewayFixture,
        _ body: String,
        _ type: String? = "application/json"
    ) async throws -> Answer {
        var headers: HTTPFields = [:]
        headers[.contentType] = type
        return try await fixture.send(.post, "/v1/keys", headers: headers, body: body)
    }

    @Test func aKeyIsShownOnceAndWorksAtOnce() async throws {
        let fixture = try await GatewayFixture([FakeProvider("alpha")])
        let answer = try await self.create(
            fixture,
            """
            {"name": "robot", "scopes": ["downloads:read", "logs:read"], "providers": ["alpha"], "sessions": ["team-*"],
             "limits": {"requests": "10/min", "burst": 5, "concurrent": 2}, "expiresAt": "2027-02-01T00:00:00Z"}
            """
        )
        let key = try answer.json(expecting: .created)
        let id = try #require(key["id"].text)
        let secret = try #require(key["key"].text)
        #expect(answer.headers[.location] == "/v1/keys/\(id)")
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(GatewayKey(secret) != nil)
        #expect(key["name"] == "robot")
        #expect(key["scopes"] == .array(["downloads:read", "logs:read"]))
        #expect(key["providers"] == .array(["alpha"]))
        #expect(key["sessions"] == .array(["team-*"]))
        #expect(key["limits"]["requests"] == "10/min")
        #expect(key["limits"]["burst"] == 5)
        #expect(key["limits"]["concurrent"] == 2)
        #expect(key["limits"]["bytesPerDay"] == .null)
        #expect(key["createdAt"] == "2027-01-15T08:00:00Z")
        #expect(key["expiresAt"] == "2027-02-01T00:00:00Z")
        #expect(key["lastUsedAt"] == .null)
        let used = try await fixture.send(.get, "/v1/downloads", key: secret)
        #expect(used.status == .ok)
        #expect(used.headers[.rateLimitPolicy] == "\"requests\";q=10;w=60")
        for path in ["/v1/keys", "/v1/keys/\(id)"] {
            let shown = try await fixture.send(.get, path)
            #expect(shown.status == .ok)
            #expect(shown.text.contains(id))
            #expect(!shown.text.contains(secret))
            #expect(shown.headers[.cacheControl] == "no-store")
        }
        let again = try await fixture.json("/v1/keys/\(id)")
        #expect(again.members == key.members.filter { $0 != "key" })
        #expect(again["lastUsedAt"] == "2027-01-15T08:00:00Z")
        #expect(again["lastUsedFrom"] == "192.0.2.7")
    }

    @Test func aRevokedKeyIsRefusedByTheNextRequest() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await self.create(fixture, #"{"name": "x", "scopes": ["downloads:read"]}"#).json(
            expecting: .created
        )
        let (id, secret) = (try #require(key["id"].text), try #require(key["key"].text))
        #expect(try await fixture.send(.get, "/v1/downloads", key: secret).status == .ok)
        #expect(try await fixture.send(.delete, "/v1/keys/\(id)").status == .noContent)
        #expect(try await fixture.send(.get, "/v1/downloads", key: secret).status == .unauthorized)
        #expect(try await fixture.json("/v1/keys/\(id)")["revokedAt"] != .null)
        #expect(try await fixture.send(.delete, "/v1/keys/\(id)").status == .noContent)
        #expect(try await fixture.send(.delete, "/v1/keys/key_unknown").problemCode == "NOT_FOUND")
        #expect(try await fixture.send(.get, "/v1/keys/key_unknown").problemCode == "NOT_FOUND")
    }

    @Test func keysSurviveARestart() async throws {
        let fixture = try await GatewayFixture([])
        let (kept, revoked) = (
            try await fixture.key(), try await fixture.gateway.keys.create(.init(name: "r", scopes: [.read]))
        )
        _ = try await fixture.gateway.keys.revoke(revoked.stored.id)
        let restarted = try await GatewayFixture([], stored: fixture.stored)
        #expect(try await restarted.send(.get, "/v1/downloads", key: kept).status == .ok)
        #expect(
            try await restarted.send(.get, "/v1/downloads", key: revoked.key.secret.reveal()).status == .unauthorized
        )
    }

    @Test(
        arguments: [
            ("{}", ["name", "scopes"]),
            (#"{"name": "", "scopes": ["downloads:read"]}"#, ["name"]),
            (#"{"name": "x", "scopes": []}"#, ["scopes"]),
            (#"{"name": "x", "scopes": ["root"]}"#, ["scopes[0]"]),
            (#"{"name": "x", "scopes": "admin"}"#, ["scopes"]),
            (#"{"name": "x", "scopes": ["admin", "admin"]}"#, ["scopes"]),
            (#"{"name": "x", "scopes": ["admin"], "sessions": ["a", "a"]}"#, ["sessions"]),
            (#"{"name": 1, "scopes": ["admin"]}"#, ["name"]),
            (#"{"name": "x", "scopes": ["admin"], "providers": ["UPPER"]}"#, ["providers[0]"]),
            (#"{"name": "x", "scopes": ["admin"], "providers": []}"#, ["providers"]),
            (#"{"name": "x", "scopes": ["admin"], "sessions": [""]}"#, ["sessions[0]"]),
            (#"{"name": "x", "scopes": ["admin"], "limits": 5}"#, ["limits"]),
            (#"{"name": "x", "scopes": ["admin"], "limits": {"requests": "fast"}}"#, ["limits.requests"]),
            (#"{"name": "x", "scopes": ["admin"], "limits": {"bytesPerDay": 0}}"#, ["limits.bytesPerDay"]),
            (#"{"name": "x", "scopes": ["admin"], "limits": {"speed": 5}}"#, ["limits.speed"]),
            (#"{"name": "x", "scopes": ["admin"], "expiresAt": "2020-01-01"}"#, ["expiresAt"]),
            (#"{"name": "x", "scopes": ["admin"], "expiresAt": "soon"}"#, ["expiresAt"]),
            (#"{"name": "x", "scopes": ["admin"], "expiresAt": 5}"#, ["expiresAt"]),
            (#"{"name": "x", "scopes": ["admin"], "id": "key_mine", "key": "slc_mine"}"#, ["id", "key"]),
        ] as [(String, [String])]
    )
    func refusesWhatIsNoKey(_ body: String, _ fields: [String]) async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await self.create(fixture, body)
        #expect(answer.status == .badRequest)
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(Set(answer.problemFields) == Set(fields))
        #expect(try await fixture.json("/v1/keys")["keys"] == .array([]))
    }

    @Test(arguments: [
        "", "[]", "null", "1", "{", "{\"name\": }", "{'name': 'x'}", "{\"name\": \"x\"} trailing",
        "{\"name\": \"\u{1}\"}",
        "{\"name\": \"\\ud800\", \"scopes\": [\"admin\"]}",
    ])
    func refusesWhatIsNoJSONObject(_ body: String) async throws {
        let fixture = try await GatewayFixture([])
        #expect(try await self.create(fixture, body).problemCode == "INVALID_REQUEST")
    }

    /// APISIX CVE-2022-25757: of two members with one name, two readers took different ones.
    @Test func apisixCVE_2022_25757_repeatedMembersAreRefused() async throws {
        let fixture = try await GatewayFixture([])
        for body in [
            #"{"name": "x", "scopes": ["downloads:read"], "scopes": ["admin"]}"#,
            #"{"name": "x", "scopes": ["downloads:read"], "sc\u006fpes": ["admin"]}"#,
            #"{"name": "x", "scopes": ["admin"], "limits": {"requests": "1/s", "requests": "9/s"}}"#,
        ] { #expect(try await self.create(fixture, body).problemCode == "INVALID_REQUEST") }
        #expect(try await fixture.json("/v1/keys")["keys"] == .array([]))
    }

    @Test(
        arguments: [nil, "text/plain", "application/x-www-form-urlencoded", "application/json5", "json"] as [String?]
    )
    func refusesAnotherContentType(_ type: String?) async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await self.create(fixture, #"{"name": "x", "scopes": ["admin"]}"#, type)
        #expect(answer.status == .unsupportedMediaType)
        #expect(answer.problemCode == "UNSUPPORTED_MEDIA_TYPE")
    }

    @Test func takesParametersOfTheContentType() async throws {
        let fixture = try await GatewayFixture([])
        let body = #"{"name": "x", "scopes": ["admin"]}"#
        #expect(try await self.create(fixture, body, "Application/JSON; charset=utf-8").status == .created)
    }

    @Test func refusesABodyThatIsTooLarge() async throws {
        let fixture = try await GatewayFixture([])
        let frame = #"{"name": "x", "scopes": ["admin"]}"#
        let fits = frame + String(repeating: " ", count: JSONBody.longest - frame.utf8.count)
        #expect(try await self.create(fixture, fits).status == .created)
        let answer = try await self.create(fixture, fits + " ")
        #expect(answer.status == .contentTooLarge)
        #expect(answer.problemCode == "TOO_LARGE")
    }

    @Test func deeplyNestedBodiesAreRefused() async throws {
        let fixture = try await GatewayFixture([])
        for depth in [200, 500_000] {
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(try await self.create(fixture, #"{"name": \#(nested)}"#).problemCode == "INVALID_REQUEST")
        }
    }

    @Test func refusesQueryParameters() async throws {
        let fixture = try await GatewayFixture([])
        #expect(try await fixture.send(.get, "/v1/keys?all=1").problemFields == ["all"])
    }
}
