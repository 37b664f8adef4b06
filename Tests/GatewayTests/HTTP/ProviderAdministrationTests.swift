// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Providers and their credentials over HTTP, at run time.
@Suite struct ProviderAdministrationTests {
    static let json: HTTPFields = [.contentType: "application/json"]

    private func post(_ fixture: GatewayFixture, _ uri: String, _ body: String) async throws -> Answer {
        try await fixture.send(.post, uri, headers: Self.json, body: body)
    }

    private func patch(_ fixture: GatewayFixture, _ uri: String, _ body: String) async throws -> Answer {
        try await fixture.send(.patch, uri, headers: Self.json, body: body)
    }

    /// An upstream with a file, not yet configured, and the gateway for it.
    private func setup(stored: StoreFixture? = nil) async throws -> (GatewayFixture, FakeProvider) {
        let upstream = try FakeProvider("late")
        upstream.add("a.txt")
        let fixture = try await GatewayFixture(
            [try FakeProvider("fixed")],
            unconfigured: ["empty"],
            upstreams: [upstream, try FakeProvider("empty")],
            stored: stored
        )
        return (fixture, upstream)
    }

    private static let late = #"{"name":"late","kind":"fake","credentials":[{"label":"first","apiKey":"k-1"}]}"#

    // MARK: Providers

    @Test func aProviderThatIsMadeIsServedAtOnce() async throws {
        let (fixture, _) = try await self.setup()
        let made = try await self.post(
            fixture,
            "/v1/providers",
            #"{"name":"late","kind":"fake","baseURL":"https://x.example.com/api","settings":{"colour":"red"},"#
                + #""credentials":[{"label":"first","apiKey":"k-1"}]}"#
        )
        let provider = try made.json(expecting: .created)
        #expect(made.headers[.location] == "/v1/providers/late")
        #expect(provider["source"].text == "api" && provider["baseURL"].text == "https://x.example.com/api")
        #expect(provider["state"].text == "ok")
        let credential = provider["credentials"][0]
        #expect(
            credential.members == ["coolsUntil", "fingerprint", "id", "label", "lastUsedAt", "state"]
        )
        #expect(credential["label"].text == "first" && credential["state"].text == "ok")
        #expect(credential["fingerprint"].text?.count == 12)
        #expect(try await fixture.json("/v1/downloads?provider=late").filenames == ["a.txt"])
        let names = try await fixture.json("/v1/providers")["providers"].items.compactMap { $0["name"].text }
        #expect(names == ["fixed", "empty", "late"])
    }

    @Test func itIsThereAfterARestart() async throws {
        let stored = try StoreFixture()
        let (first, _) = try await self.setup(stored: stored)
        #expect(try await self.post(first, "/v1/providers", Self.late).status == .created)
        let added = #"{"apiKey":"k-2"}"#
        #expect(try await self.post(first, "/v1/providers/empty/credentials", added).status == .created)
        let before = try await first.json("/v1/providers")
        let (second, _) = try await self.setup(stored: stored)
        #expect(try await second.json("/v1/providers") == before)
        #expect(try await second.json("/v1/downloads?provider=late").filenames == ["a.txt"])
    }

    @Test func allFaultsOfANewProviderAreToldAtOnce() async throws {
        let (fixture, _) = try await self.setup()
        let answer = try await self.post(
            fixture,
            "/v1/providers",
            #"{"name":"late","kind":"fake","baseURL":"ftp://x","settings":{"shape":1},"#
                + #""credentials":[{"label":"x"},{"apiKey":"a","other":"b"},{"apiKey":"c"},{"apiKey":"c"}]}"#
        )
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(
            answer.problemFields.sorted() == [
                "baseURL", "credentials[0].apiKey", "credentials[1].other", "credentials[3]", "settings.shape",
            ]
        )
        let forms = try await self.post(
            fixture,
            "/v1/providers",
            #"{"name":"A B","kind":7,"baseURL":1,"settings":[],"credentials":[1,{"apiKey":""},{"label":5}],"x":1}"#
        )
        #expect(
            forms.problemFields.sorted() == [
                "baseURL", "credentials[0]", "credentials[1].apiKey", "credentials[2].label", "kind", "name",
                "settings",
                "x",
            ]
        )
        let unknown = try await self.post(fixture, "/v1/providers", #"{"name":"late","kind":"none"}"#)
        #expect(unknown.problemFields == ["kind"])
        #expect(try await fixture.send(.get, "/v1/providers/late").status == .notFound)
    }

    @Test(arguments: ["fixed", "empty", "late"]) func aNameIsTakenOnce(_ name: String) async throws {
        let (fixture, _) = try await self.setup()
        #expect(try await self.post(fixture, "/v1/providers", Self.late).status == .created)
        let again = try await self.post(fixture, "/v1/providers", #"{"name":"\#(name)","kind":"fake"}"#)
        #expect(again.problemCode == "CONFLICT")
    }

    @Test func ofManyAtOnceOneIsMade() async throws {
        let (fixture, _) = try await self.setup()
        let statuses = try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
            for _ in 0..<8 { group.addTask { try await self.post(fixture, "/v1/providers", Self.late).status } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count { $0 == .created } == 1)
        #expect(statuses.count { $0 == .conflict } == 7)
    }

    @Test func thoseOfTheFileAreReadOnly() async throws {
        let (fixture, _) = try await self.setup()
        let changed = try await self.patch(fixture, "/v1/providers/fixed", #"{"settings":{"colour":"red"}}"#)
        #expect(changed.problemCode == "CONFLICT")
        #expect(try await fixture.send(.delete, "/v1/providers/fixed").problemCode == "CONFLICT")
        #expect(try await fixture.json("/v1/providers/fixed")["source"].text == "file")
    }

    @Test func aChangedAddressServesNothingOfTheOldOne() async throws {
        let (fixture, upstream) = try await self.setup()
        #expect(try await self.post(fixture, "/v1/providers", Self.late).status == .created)
        #expect(try await fixture.json("/v1/downloads?provider=late").filenames == ["a.txt"])
        #expect(try await fixture.json("/v1/downloads?provider=late").source("late")["state"].text == "cached")
        upstream.script { $0.listings = ["s1": []] }
        let changed = try await self.patch(
            fixture,
            "/v1/providers/late",
            #"{"baseURL":"https://late.example.com/v2","settings":{"colour":"red"}}"#
        )
        #expect(try changed.json(expecting: .ok)["baseURL"].text == "https://late.example.com/v2")
        let list = try await fixture.json("/v1/downloads?provider=late")
        #expect(list.filenames == [] && list.source("late")["state"].text == "fresh")
        let cleared = try await self.patch(fixture, "/v1/providers/late", #"{"baseURL":null,"settings":null}"#)
        #expect(try cleared.json(expecting: .ok)["baseURL"].text == "https://late.example.com")
        let wrong = try await self.patch(fixture, "/v1/providers/late", #"{"settings":{"shape":1},"kind":"x"}"#)
        #expect(wrong.problemFields == ["kind"])
    }

    @Test func anAnswerThatComesAfterTheChangeIsNotKept() async throws {
        let (fixture, upstream) = try await self.setup()
        #expect(try await self.post(fixture, "/v1/providers", Self.late).status == .created)
        let gate = Gate()
        upstream.script { $0.gates[.list] = gate }
        async let old = fixture.json("/v1/downloads?provider=late&sessionId=s1")
        try await eventually("the old upstream is asked") { upstream.count(.list) == 1 }
        let changed = try await self.patch(fixture, "/v1/providers/late", #"{"settings":{"colour":"red"}}"#)
        #expect(changed.status == .ok)
        upstream.script { $0.gates = [:] }
        gate.open()
        #expect(try await old.filenames == ["a.txt"])
        let new = try await fixture.json("/v1/downloads?provider=late&sessionId=s1")
        #expect(new.source("late")["state"].text == "fresh")
        #expect(upstream.count(.list) == 2)
    }

    @Test func aRemovedProviderIsGoneWithItsDownloads() async throws {
        let (fixture, upstream) = try await self.setup()
        let download = upstream.add("b.txt")
        #expect(try await self.post(fixture, "/v1/providers", Self.late).status == .created)
        let path = fixture.path(of: download)
        #expect(try await fixture.send(.get, path).status == .ok)
        #expect(try await fixture.send(.delete, "/v1/providers/late").status == .noContent)
        #expect(try await fixture.send(.delete, "/v1/providers/late").status == .notFound)
        #expect(try await fixture.send(.get, path).status == .notFound)
        #expect(try await fixture.send(.get, "/v1/downloads?provider=late").status == .badRequest)
        // Its credentials went with it.
        let again = try await self.post(fixture, "/v1/providers", #"{"name":"late","kind":"fake"}"#)
        #expect(try again.json(expecting: .created)["credentials"].items == [])
        #expect(try await fixture.json("/v1/providers/late")["state"].text == "unconfigured")
    }

    // MARK: Credentials

    @Test func theFirstCredentialConfiguresAndTheLastOneUnconfigures() async throws {
        let (fixture, _) = try await self.setup()
        #expect(try await fixture.json("/v1/providers/empty")["state"].text == "unconfigured")
        let added = try await self.post(fixture, "/v1/providers/empty/credentials", #"{"label":"a","apiKey":"k"}"#)
        let credential = try added.json(expecting: .created)
        let id = try #require(credential["id"].text)
        #expect(id.hasPrefix("cred_") && id.count == 21)
        #expect(added.headers[.location] == "/v1/providers/empty/credentials/\(id)")
        #expect(try await fixture.json("/v1/providers/empty")["state"].text == "ok")
        #expect(try await fixture.json("/v1/providers/empty")["credentials"].items == [credential])
        let again = try await self.post(fixture, "/v1/providers/empty/credentials", #"{"apiKey":"k"}"#)
        #expect(again.problemCode == "CONFLICT")
        #expect(try await fixture.send(.delete, "/v1/providers/empty/credentials/\(id)").status == .noContent)
        #expect(try await fixture.send(.delete, "/v1/providers/empty/credentials/\(id)").status == .notFound)
        #expect(try await fixture.json("/v1/providers/empty")["state"].text == "unconfigured")
    }

    @Test func aCredentialsFaultsAreNamedAsTheCallerWroteThem() async throws {
        let (fixture, _) = try await self.setup()
        let answer = try await self.post(fixture, "/v1/providers/empty/credentials", #"{"token":"k","label":7}"#)
        #expect(answer.problemFields == ["label"])
        let fields = try await self.post(fixture, "/v1/providers/empty/credentials", #"{"token":"k"}"#)
        #expect(fields.problemFields.sorted() == ["apiKey", "token"])
    }

    @Test func credentialsAreShownToAdminOnly() async throws {
        let (fixture, _) = try await self.setup()
        #expect(try await self.post(fixture, "/v1/providers", Self.late).status == .created)
        let key = try await fixture.key()
        let provider = try await fixture.json("/v1/providers/late", key: key)
        #expect(!provider.members.contains("credentials"))
        #expect(!(try await fixture.send(.get, "/v1/providers", key: key)).text.contains("fingerprint"))
        #expect(try await fixture.json("/v1/providers/late")["credentials"].items.count == 1)
    }

    @Test func anAdminKeyThatIsNarrowedAdministersItsOwnOnly() async throws {
        let (fixture, _) = try await self.setup()
        let key = try await fixture.key([.admin], providers: [try #require(ProviderID("fixed"))])
        let made = try await fixture.send(.post, "/v1/providers", key: key, headers: Self.json, body: Self.late)
        #expect(made.problemCode == "INSUFFICIENT_SCOPE")
        let added = try await fixture.send(
            .post,
            "/v1/providers/empty/credentials",
            key: key,
            headers: Self.json,
            body: #"{"apiKey":"k"}"#
        )
        #expect(added.status == .notFound)
    }

    // MARK: Rotation beside a running gateway

    @Test func withARotatedConfiguredSecretNothingNewIsSealedUnderTheOldOne() async throws {
        let stored = try StoreFixture()
        let (fixture, _) = try await self.setup(stored: stored)
        #expect(try await self.post(fixture, "/v1/providers", Self.late).status == .created)
        let next = Secret(Data(repeating: 9, count: 32).base64EncodedString())
        _ = try await VaultRotation.run(stored.store, configured: Secret(stored.secret.text), replacement: next)
        let refused = try await self.post(fixture, "/v1/providers/late/credentials", #"{"apiKey":"k-2"}"#)
        #expect(refused.problemCode == "CONFLICT" && refused.text.contains("restart"))
        // What it has, it goes on with; and it can be removed.
        #expect(try await fixture.json("/v1/downloads?provider=late").filenames == ["a.txt"])
        #expect(try await fixture.json("/v1/providers/late")["credentials"].items.count == 1)
        #expect(try await fixture.send(.delete, "/v1/providers/late").status == .noContent)
    }
}
