// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB
import HTTPTypes
import Testing

@testable import Gateway

/// The rows of `security.md` that guard upstream credentials and their administration, each named after its incident.
@Suite struct UpstreamCredentialTests {
    private static let json: HTTPFields = [.contentType: "application/json"]
    private static let canary = "canary-of-a-vendor-key"
    private static let hiddenHost = "canary-host.example.com"

    private func fixture(_ stored: StoreFixture, _ names: [String] = ["one", "two"]) async throws -> GatewayFixture {
        try await GatewayFixture([], upstreams: try names.map { try FakeProvider($0) }, stored: stored)
    }

    private func create(_ fixture: GatewayFixture, _ name: String) async throws -> Answer {
        let body = """
            {"name":"\(name)","kind":"fake","baseURL":"https://\(Self.hiddenHost)/\(name)",
            "credentials":[{"label":"x","apiKey":"\(Self.canary)-\(name)"}]}
            """
        return try await fixture.send(.post, "/v1/providers", headers: Self.json, body: body)
    }

    // MARK: 1 · a stored credential goes to its own origin only

    /// LiteLLM CVE-2024-6587, Portkey CVE-2025-66405: whoever names the host gets the key.
    @Test(arguments: [
        "https://evil.example.com", "https://canary-host.example.com:8443", "https://canary-host.example.co",
    ])
    func liteLLMAPIBaseAnAddressCannotBeChangedUnderACredential(_ address: String) async throws {
        let fixture = try await self.fixture(try StoreFixture())
        #expect(try await self.create(fixture, "one").status == .created)
        let changed = try await fixture.send(
            .patch,
            "/v1/providers/one",
            headers: Self.json,
            body: #"{"baseURL":"\#(address)"}"#
        )
        #expect(changed.problemCode == "CONFLICT")
        let shown = try await fixture.json("/v1/providers/one")
        #expect(shown["baseURL"].text == "https://\(Self.hiddenHost)/one")
        let id = try #require(shown["credentials"][0]["id"].text)
        #expect(try await fixture.send(.delete, "/v1/providers/one/credentials/\(id)").status == .noContent)
        let allowed = try await fixture.send(
            .patch,
            "/v1/providers/one",
            headers: Self.json,
            body: #"{"baseURL":"\#(address)"}"#
        )
        #expect(allowed.status == .ok)
    }

    @Test func liteLLMAPIBaseACredentialOfTheStoreIsRefusedWhereTheFileNamesAnotherOrigin() async throws {
        let stored = try StoreFixture()
        let upstream = try FakeProvider("one")
        func start(_ address: String) async throws -> GatewayFixture {
            try await GatewayFixture([], unconfigured: ["one"], upstreams: [upstream], stored: stored) {
                $0.providers = $0.providers.map { ProviderConfiguration(id: $0.id, kind: "fake", baseURL: address) }
            }
        }
        let first = try await start("https://good.example.com/a")
        let body = #"{"apiKey":"\#(Self.canary)"}"#
        let added = try await first.send(.post, "/v1/providers/one/credentials", headers: Self.json, body: body)
        #expect(added.status == .created)
        #expect(try await start("https://good.example.com/b").json("/v1/providers/one")["state"].text == "ok")
        let moved = try await start("https://evil.example.com/a").json("/v1/providers/one")
        #expect(moved["state"].text == "unconfigured")
        #expect(moved["credentials"][0]["state"].text == "refused")
        #expect(moved["credentials"].items.count == 1)
        let again = try await start("https://good.example.com").json("/v1/providers/one")
        #expect(again["credentials"][0]["state"].text == "ok")
    }

    @Test(arguments: ["provider = 'two'", "origin = x'00'", "id = 'cred_0000000000000000'", "kind = 'other'"])
    func portkeyCustomHostARowThatWasMovedByHandCannotBeOpened(_ change: String) async throws {
        let stored = try StoreFixture()
        let fixture = try await self.fixture(stored)
        #expect(try await self.create(fixture, "one").status == .created)
        let other = #"{"name":"two","kind":"fake","baseURL":"https://\#(Self.hiddenHost)/two"}"#
        #expect(try await fixture.send(.post, "/v1/providers", headers: Self.json, body: other).status == .created)
        try await stored.store.database.write { try $0.execute(sql: "UPDATE credential SET \(change)") }
        let after = try await self.fixture(stored).json("/v1/providers")["providers"].items
        #expect(after.allSatisfy { $0["state"].text == "unconfigured" })
        #expect(after.flatMap { $0["credentials"].items }.compactMap { $0["state"].text } == ["refused"])
    }

    // MARK: 16 · administration needs a key, on every verb and path

    static let paths = [
        "/v1/providers", "/v1/providers/one", "/v1/providers/one/test", "/v1/providers/one/credentials",
        "/v1/providers/one/credentials/cred_1",
    ]

    /// rclone CVE-2026-49980 (a GET ran commands) and CVE-2026-41179.
    @Test(
        arguments: UpstreamCredentialTests.paths,
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]
    )
    func rcloneRemoteControlNothingIsDoneWithoutAKey(_ path: String, _ method: String) async throws {
        let stored = try StoreFixture()
        let fixture = try await self.fixture(stored)
        #expect(try await self.create(fixture, "one").status == .created)
        let verb = try #require(HTTPRequest.Method(method))
        let body = #"{"name":"two","kind":"fake","apiKey":"k"}"#
        let before = try await fixture.json("/v1/providers")
        let anyone = try await fixture.send(verb, path, key: nil, headers: Self.json, body: body)
        #expect(anyone.status == .unauthorized)
        let key = try await fixture.key([.read, .write, .delete, .logs])
        let caller = try await fixture.send(verb, path, key: key, headers: Self.json, body: body)
        let isReading = ["GET", "HEAD"].contains(method) && Self.paths.prefix(2).contains(path)
        #expect(isReading || [.forbidden, .methodNotAllowed].contains(caller.status), "\(caller.status)")
        #expect(!caller.text.contains("fingerprint"))
        #expect(try await fixture.json("/v1/providers") == before)
    }

    // MARK: 17 · secrets are never shown

    /// LiteLLM #24902, #22188, #27884: keys in addresses, traces and refusals.
    @Test func liteLLMKeysInAnswersNoAnswerLogOrFileHoldsACredential() async throws {
        let stored = try StoreFixture()
        let fixture = try await self.fixture(stored)
        var texts = [try await self.create(fixture, "one").text]
        let requests = [
            (
                "/v1/providers",
                #"{"name":"two","kind":"fake","credentials":[{"other":"x","apiKey":"\#(Self.canary)"}]}"#
            ),
            ("/v1/providers/one/credentials", #"{"apiKey":"\#(Self.canary)-one"}"#),
            ("/v1/providers/one/credentials", #"{"apiKey":"\#(Self.canary)-2"}"#),
        ]
        for (uri, body) in requests {
            texts.append(try await fixture.send(.post, uri, headers: Self.json, body: body).text)
        }
        texts.append(try await fixture.send(.get, "/v1/providers").text)
        texts.append(try await fixture.send(.get, "/v1/logs").text)
        #expect(texts.allSatisfy { !$0.contains(Self.canary) }, "\(texts)")
        for name in try FileManager.default.contentsOfDirectory(atPath: stored.folder.path) {
            let bytes = try #require(FileManager.default.contents(atPath: stored.folder.path + "/" + name))
            #expect(bytes.range(of: Data(Self.canary.utf8)) == nil, "\(name)")
            #expect(bytes.range(of: Data(Self.hiddenHost.utf8)) == nil, "\(name)")
        }
    }

    // MARK: 20 · a body that readers understand differently

    /// APISIX CVE-2022-25757: of two equal keys, one is checked and the other used.
    @Test(
        arguments: [
            #"{"name":"one","kind":"fake","baseURL":"https://a.example.com","baseURL":"https://b.example.com"}"#,
            #"{"name":"one","kind":"fake","credentials":[{"apiKey":"a","apiKey":"b"}]}"#,
            #"{"name":"one","kind":"fake","settings":{"colour":"a","col\u006fur":"b"}}"#,
            #"{"name":"one","kind":"fake","settings":{"colour":"\ud800"}}"#,
            #"{"name":"one","kind":"fake","settings":"# + String(repeating: "[", count: 500)
                + String(repeating: "]", count: 500) + "}",
        ]
    )
    func apisixDuplicateKeysAreRefused(_ body: String) async throws {
        let fixture = try await self.fixture(try StoreFixture())
        let answer = try await fixture.send(.post, "/v1/providers", headers: Self.json, body: body)
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(try await fixture.send(.get, "/v1/providers/one").status == .notFound)
    }
}
