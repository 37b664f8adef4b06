// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// `PATCH /v1/keys/{id}` and `POST /v1/keys/{id}/rotate`.
@Suite struct KeyChangeTests {
    private func patch(_ fixture: GatewayFixture, _ id: String, _ body: String) async throws -> Answer {
        let headers: HTTPFields = [.contentType: "application/json"]
        return try await fixture.send(.patch, "/v1/keys/\(id)", headers: headers, body: body)
    }

    private func rotate(_ fixture: GatewayFixture, _ id: String, _ body: String? = nil) async throws -> Answer {
        let headers: HTTPFields = body == nil ? [:] : [.contentType: "application/json"]
        return try await fixture.send(.post, "/v1/keys/\(id)/rotate", headers: headers, body: body)
    }

    private func full(_ fixture: GatewayFixture) async throws -> KeyRing.NewKey {
        try await fixture.gateway.keys.create(
            KeySettings(
                name: "robot",
                scopes: [.read, .logs],
                providers: Set([ProviderID("alpha")].compactMap { $0 }),
                sessions: [SessionGlob("team-*")].compactMap { $0 },
                limits: RateLimitPolicy(concurrent: 2),
                expiresAt: fixture.time.now + 3600
            )
        )
    }

    // MARK: Changing

    @Test(
        arguments: [
            (#"{"name": "other"}"#, "name", #""other""#),
            (#"{"scopes": ["admin"]}"#, "scopes", #"["admin"]"#),
            (#"{"providers": ["beta", "alpha"]}"#, "providers", #"["alpha", "beta"]"#),
            (#"{"sessions": ["a", "b?"]}"#, "sessions", #"["a", "b?"]"#),
            (#"{"expiresAt": "2028-01-31T00:00:00Z"}"#, "expiresAt", #""2028-01-31T00:00:00Z""#),
            (
                #"{"limits": {"requests": "5/s", "burst": 9}}"#, "limits",
                #"{"requests": "5/s", "burst": 9, "concurrent": null, "bytesPerDay": null, "bytesPerSecond": null}"#
            ),
            (#"{"providers": null}"#, "providers", "null"), (#"{"sessions": null}"#, "sessions", "null"),
            (#"{"limits": null}"#, "limits", "null"), (#"{"expiresAt": null}"#, "expiresAt", "null"),
            ("{}", "revokedAt", "null"),
        ] as [(String, String, String)]
    )
    func onlyWhatIsNamedIsChanged(_ body: String, _ field: String, _ value: String) async throws {
        let fixture = try await GatewayFixture([FakeProvider("alpha")])
        let id = try await self.full(fixture).stored.id
        guard case .object(var expected) = try await fixture.json("/v1/keys/\(id)") else { throw NeverHappened() }
        expected[field] = try JSONDecoder().decode(JSONValue.self, from: Data(value.utf8))
        let answer = try await self.patch(fixture, id, body)
        #expect(try answer.json(expecting: .ok) == .object(expected))
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(try await fixture.json("/v1/keys/\(id)") == .object(expected))
    }

    @Test func aNarrowedKeyIsNarrowWithTheNextRequest() async throws {
        let fixture = try await GatewayFixture([FakeProvider("alpha")])
        let new = try await fixture.gateway.keys.create(KeySettings(name: "wide", scopes: [.read, .logs]))
        let key = new.key.secret.reveal()
        #expect(try await fixture.send(.get, "/v1/logs", key: key).status == .ok)
        #expect(try await self.patch(fixture, new.stored.id, #"{"scopes": ["downloads:read"]}"#).status == .ok)
        #expect(try await fixture.send(.get, "/v1/logs", key: key).problemCode == "INSUFFICIENT_SCOPE")
    }

    @Test func anExpiredKeyCanBeProlonged() async throws {
        let fixture = try await GatewayFixture([])
        let new = try await self.full(fixture)
        fixture.time.advance(7200)
        #expect(try await fixture.send(.get, "/v1/providers", key: new.key.secret.reveal()).status == .unauthorized)
        #expect(try await self.patch(fixture, new.stored.id, #"{"name": "late"}"#).status == .ok)
        #expect(try await self.patch(fixture, new.stored.id, #"{"expiresAt": null}"#).status == .ok)
        #expect(try await fixture.send(.get, "/v1/providers", key: new.key.secret.reveal()).status == .ok)
    }

    @Test(
        arguments: [
            (#"{"name": null}"#, ["name"]), (#"{"name": ""}"#, ["name"]), (#"{"name": "a\nb"}"#, ["name"]),
            (#"{"scopes": null}"#, ["scopes"]), (#"{"scopes": []}"#, ["scopes"]),
            (#"{"scopes": ["root"]}"#, ["scopes[0]"]), (#"{"providers": []}"#, ["providers"]),
            (#"{"providers": ["UPPER"]}"#, ["providers[0]"]), (#"{"sessions": [""]}"#, ["sessions[0]"]),
            (#"{"limits": {"burst": 5}}"#, ["limits.burst"]),
            (#"{"expiresAt": "2020-01-01T00:00:00Z"}"#, ["expiresAt"]),
            (#"{"id": "key_mine", "key": "slc_mine", "revokedAt": null}"#, ["id", "key", "revokedAt"]),
            (
                #"{"name": "", "scopes": "all", "providers": 1, "sessions": [2], "limits": 3, "expiresAt": 4, "x": 5}"#,
                ["name", "scopes", "providers", "sessions[0]", "limits", "expiresAt", "x"]
            ),
        ] as [(String, [String])]
    )
    func aChangeWithFaultsChangesNothingAndNamesThemAll(_ body: String, _ fields: [String]) async throws {
        let fixture = try await GatewayFixture([])
        let id = try await self.full(fixture).stored.id
        let before = try await fixture.json("/v1/keys/\(id)")
        let answer = try await self.patch(fixture, id, body)
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(answer.problemFields.sorted() == fields.sorted())
        #expect(try await fixture.json("/v1/keys/\(id)") == before)
    }

    @Test func whatIsNotThereOrRevokedIsNotChanged() async throws {
        let fixture = try await GatewayFixture([])
        let id = try await self.full(fixture).stored.id
        for body in [#"{"name": "x"}"#, "{}"] {
            #expect(try await self.patch(fixture, "key_unknown", body).problemCode == "NOT_FOUND")
        }
        #expect(try await self.rotate(fixture, "key_unknown").problemCode == "NOT_FOUND")
        _ = try await fixture.gateway.keys.revoke(id)
        let before = try await fixture.json("/v1/keys/\(id)")
        let change = try await self.patch(fixture, id, #"{"name": "x", "expiresAt": null}"#)
        #expect(change.status == .conflict && change.problemCode == "CONFLICT")
        let rotation = try await self.rotate(fixture, id)
        #expect(rotation.status == .conflict && rotation.problemCode == "CONFLICT")
        #expect(try await fixture.json("/v1/keys/\(id)") == before)
    }

    @Test func changesOfDifferentFieldsAtOnceLoseNothing() async throws {
        let fixture = try await GatewayFixture([])
        let other = try fixture.stored.otherProcess()
        for round in 0..<10 {
            let id = try await fixture.gateway.keys.create(KeySettings(name: "new", scopes: [.read])).stored.id
            async let one = self.patch(fixture, id, #"{"name": "round \#(round)"}"#)
            async let two = self.patch(fixture, id, #"{"scopes": ["downloads:delete"]}"#)
            async let three = self.patch(fixture, id, #"{"sessions": ["s\#(round)"]}"#)
            var change = KeyChange()
            change.limits = RateLimitPolicy(concurrent: round + 1)
            async let four = other.change(id, change)
            #expect(try await [one.status, two.status, three.status] == [.ok, .ok, .ok])
            _ = try await four.get()
            let key = try await fixture.json("/v1/keys/\(id)")
            #expect(key["name"].text == "round \(round)" && key["scopes"] == .array(["downloads:delete"]))
            #expect(key["sessions"][0].text == "s\(round)" && key["limits"]["concurrent"].integer == Int64(round + 1))
        }
    }

    // MARK: Rotating

    @Test(arguments: [nil, "", "{}", #"{"graceSeconds": null}"#, #"{"graceSeconds": 0}"#] as [String?])
    func aRotatedSecretIsShownOnceAndTheOldOneEnds(_ body: String?) async throws {
        let fixture = try await GatewayFixture([])
        let old = try await self.full(fixture)
        let shown = try await fixture.json("/v1/keys/\(old.stored.id)")
        let answer = try await self.rotate(fixture, old.stored.id, body)
        guard case .object(var key) = try answer.json(expecting: .ok) else { throw NeverHappened() }
        #expect(answer.headers[.cacheControl] == "no-store")
        let secret = try #require(key.removeValue(forKey: "key")?.text)
        #expect(.object(key) == shown && secret != old.key.secret.reveal())
        #expect(try await fixture.send(.get, "/v1/providers", key: secret).status == .ok)
        #expect(try await fixture.send(.get, "/v1/providers", key: old.key.secret.reveal()).status == .unauthorized)
        #expect(try await !fixture.send(.get, "/v1/keys/\(old.stored.id)").text.contains("slc_"))
    }

    @Test func theOldSecretLivesForItsGrace() async throws {
        let fixture = try await GatewayFixture([])
        let old = try await fixture.gateway.keys.create(KeySettings(name: "r", scopes: [.read]))
        let answer = try await self.rotate(fixture, old.stored.id, #"{"graceSeconds": 2592000}"#)
        let secret = try #require(try answer.json(expecting: .ok)["key"].text)
        for (advance, status) in [(0, 200), (2_591_999, 200), (1, 401)] {
            fixture.time.advance(Double(advance))
            let kept = try await fixture.send(.get, "/v1/providers", key: old.key.secret.reveal())
            #expect(kept.status.code == status)
            #expect(try await fixture.send(.get, "/v1/providers", key: secret).status == .ok)
        }
    }

    @Test(
        arguments: [
            (#"{"graceSeconds": -1}"#, ["graceSeconds"]), (#"{"graceSeconds": 2592001}"#, ["graceSeconds"]),
            (#"{"graceSeconds": 9223372036854775807}"#, ["graceSeconds"]),
            (#"{"graceSeconds": 1.5}"#, ["graceSeconds"]), (#"{"graceSeconds": "1"}"#, ["graceSeconds"]),
            (#"{"grace": 1, "key": "slc_x"}"#, ["grace", "key"]),
        ] as [(String, [String])]
    )
    func aRotationWithFaultsIsNone(_ body: String, _ fields: [String]) async throws {
        let fixture = try await GatewayFixture([])
        let old = try await self.full(fixture)
        let answer = try await self.rotate(fixture, old.stored.id, body)
        #expect(answer.problemCode == "INVALID_REQUEST" && answer.problemFields == fields)
        #expect(try await fixture.send(.get, "/v1/providers", key: old.key.secret.reveal()).status == .ok)
    }

    @Test func aBodyThatIsNoJSONIsNoEmptyOne() async throws {
        let fixture = try await GatewayFixture([])
        let id = try await self.full(fixture).stored.id
        let text = try await fixture.send(.post, "/v1/keys/\(id)/rotate", body: "graceSeconds=5")
        #expect(text.problemCode == "UNSUPPORTED_MEDIA_TYPE")
        #expect(try await self.rotate(fixture, id, "[]").problemCode == "INVALID_REQUEST")
        #expect(try await self.rotate(fixture, id, "null").problemCode == "INVALID_REQUEST")
    }

    @Test func anExpiredKeyIsNotRotated() async throws {
        let fixture = try await GatewayFixture([])
        let id = try await self.full(fixture).stored.id
        fixture.time.advance(3600)
        let answer = try await self.rotate(fixture, id)
        #expect(answer.status == .conflict && answer.problemCode == "CONFLICT" && !answer.text.contains("slc_"))
    }
}
