// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// What a narrowed key sees of lists: exactly its own, and no sign of anything else.
@Suite struct ListAccessTests {
    private func providers() throws -> [FakeProvider] {
        let providers = try ["alpha", "beta"].map { try FakeProvider($0) }
        for provider in providers {
            provider.add("one", in: "team-1")
            provider.add("two", in: "team-2")
            provider.add("other", in: "other")
        }
        return providers
    }

    @Test func aKeyNarrowedToProvidersSeesNoOthers() async throws {
        let providers = try self.providers()
        let fixture = try await GatewayFixture(providers)
        let key = try await fixture.key(providers: [providers[0].id])
        let list = try await fixture.json("/v1/downloads", key: key)
        #expect(list["sources"].items.compactMap { $0["provider"].text } == ["alpha"])
        #expect(list["total"] == 3)
        #expect(providers[1].count(.sessions) == 0)
        let hidden = try await fixture.send(.get, "/v1/downloads?provider=beta", key: key)
        let unknown = try await fixture.send(.get, "/v1/downloads?provider=nope", key: key)
        #expect(hidden.status == .badRequest)
        #expect(
            hidden.text.replacing("beta", with: "nope").without(hidden.headers[.requestID])
                == unknown.text.without(unknown.headers[.requestID])
        )
    }

    @Test func aKeyNarrowedToSessionPatternsSeesOnlyThose() async throws {
        let fixture = try await GatewayFixture(self.providers())
        let key = try await fixture.key(sessions: ["team-*"])
        let list = try await fixture.json("/v1/downloads?sort=filename", key: key)
        #expect(list.filenames == ["one", "one", "two", "two"])
        #expect(list["total"] == 4)
        #expect(try await fixture.json("/v1/downloads?sessionId=team-1", key: key).filenames == ["one", "one"])
    }

    @Test func aSessionThatIsNotTheCallersIsNotEvenAskedFor() async throws {
        let providers = try self.providers()
        let fixture = try await GatewayFixture(providers)
        // Somebody else has it in the catalogue.
        _ = try await fixture.json("/v1/downloads")
        let asked = providers[0].count(.list)
        let key = try await fixture.key(sessions: ["team-1"])
        let list = try await fixture.json("/v1/downloads?sessionId=other", key: key)
        #expect(list.filenames == [])
        #expect(list["total"] == 0)
        #expect(list.source("alpha")["state"] == "absent")
        #expect(providers[0].count(.list) == asked)
        let unknown = try await fixture.json("/v1/downloads?sessionId=unknown", key: key)
        #expect(list == unknown)
    }

    @Test func literalSessionsAreAskedDirectlyHoweverOldTheyAre() async throws {
        let providers = try self.providers()
        // Neither session is among the newest any more.
        for provider in providers { provider.script { $0.sessions = [] } }
        let fixture = try await GatewayFixture(providers)
        let key = try await fixture.key(sessions: ["team-1", "other"])
        let list = try await fixture.json("/v1/downloads?sort=filename&provider=alpha", key: key)
        #expect(list.filenames == ["one", "other"])
        #expect(providers[0].count(.sessions) == 0)
        #expect(Set(providers[0].listQueries.map(\.session)) == ["team-1", "other"])
    }

    @Test func aKeyNarrowedToSessionsDoesNotSeeWhatLiesOutsideOfAny() async throws {
        let provider = try FakeProvider("root", .init(listsSessions: true, listsRoot: true))
        provider.add("outside", in: nil)
        provider.add("inside", in: "s1")
        let fixture = try await GatewayFixture([provider])
        #expect(try await fixture.json("/v1/downloads")["total"] == 2)
        let key = try await fixture.key(sessions: ["*"])
        #expect(try await fixture.json("/v1/downloads", key: key).filenames == ["inside"])
    }

    @Test(arguments: [HTTPRequest.Method.get, .head, .delete])
    func whatACallerMayNotSeeAnswersLikeWhatDoesNotExist(_ method: HTTPRequest.Method) async throws {
        let providers = try self.providers()
        let fixture = try await GatewayFixture(providers)
        let foreign = providers[0].add("foreign", in: "other")
        let unknown = DownloadID(secret: fixture.stored.secret, providers: [providers[0].id])
            .id(for: DownloadReference(provider: providers[0].id, session: "team-1", item: "no such item"))
        let key = try await fixture.key([.read, .delete], sessions: ["team-*"])
        let hidden = try await fixture.send(method, fixture.path(of: foreign), key: key)
        let missing = try await fixture.send(method, "/v1/downloads/\(unknown)", key: key)
        #expect(hidden.status == .notFound)
        #expect(missing.status == .notFound)
        #expect(hidden.text.without(hidden.headers[.requestID]) == missing.text.without(missing.headers[.requestID]))
        #expect(providers[0].count(.content) == 0)
    }
}

extension String {
    /// Without a part that differs from answer to answer.
    func without(_ part: String?) -> String { part.map { self.replacing($0, with: "") } ?? self }
}
