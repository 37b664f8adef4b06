// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Ids over HTTP: every one that is not ours answers like every other.
@Suite struct DownloadIDRouteTests {
    @Test func anIDWorksWithAnEmptyCatalogueAndOnAnotherReplica() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.txt")
        let first = try await GatewayFixture([provider])
        let second = try await GatewayFixture([provider])
        let id = try await first.json("/v1/downloads")["downloads"][0]["id"].text
        #expect(id == first.id(of: download))
        let answer = try await second.send(.get, "/v1/downloads/\(id ?? "")")
        #expect(answer.text == "some bytes")
        #expect(provider.count(.list) == 1)
    }

    @Test(arguments: [HTTPRequest.Method.get, .head, .delete])
    func whatIsNoIDOfOursAnswersLikeAnUnknownOne(_ method: HTTPRequest.Method) async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.txt")
        let fixture = try await GatewayFixture([provider])
        let id = fixture.id(of: download)
        let missing = DownloadReference(provider: provider.id, session: "s1", item: "missing")
        let foreignKey = DownloadID(secret: SymmetricKey(data: Data(repeating: 9, count: 32)), providers: [provider.id])
        let other = try #require(ProviderID("beta"))
        let otherProvider = DownloadID(secret: fixture.stored.secret, providers: [other])
            .id(for: DownloadReference(provider: other, session: "s1", item: "x.txt"))
        let ours = DownloadID(secret: fixture.stored.secret, providers: [provider.id])
        let unknown = try await fixture.send(method, "/v1/downloads/\(ours.id(for: missing))")
        #expect(unknown.status == .notFound)
        let altered = id.dropLast() + (id.hasSuffix("A") ? "B" : "A")
        let forged = [
            foreignKey.id(for: download.reference), otherProvider, String(altered), "dl_" + id.dropFirst(4), "dl_",
            "dl_AAAA", "x", id.uppercased(), id + "A", String(repeating: "A", count: 600),
            "dl_" + String(repeating: "A", count: 509), String(id.dropFirst(3)), id + "-", "key_abc",
        ]
        for forged in forged {
            let answer = try await fixture.send(method, "/v1/downloads/\(forged)")
            #expect(answer.status == .notFound, "\(forged)")
            #expect(
                answer.text.without(answer.headers[.requestID]) == unknown.text.without(unknown.headers[.requestID])
            )
            #expect(answer.headers.map(\.name) == unknown.headers.map(\.name))
        }
        #expect(provider.count(.content) == 0)
    }

    @Test func everyAlteredCharacterOfAnIDIsRefused() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.txt")
        let ids = DownloadID(secret: SymmetricKey(data: Data(repeating: 7, count: 32)), providers: [provider.id])
        let id = ids.id(for: download.reference)
        #expect(ids.target(of: id) == .reference(download.reference))
        for index in id.indices {
            let altered = id.replacingCharacters(in: index...index, with: id[index] == "A" ? "B" : "A")
            #expect(ids.target(of: altered) == nil)
        }
    }

    @Test func anIDOfALongPathWorksWithAndWithoutTheCatalogue() async throws {
        let provider = try FakeProvider("alpha")
        let path = String(repeating: "folder/", count: 200) + "x.txt"
        let download = provider.add(path, bytes: Data("deep".utf8))
        let fixture = try await GatewayFixture([provider])
        let id = fixture.id(of: download)
        #expect(id.utf8.count <= DownloadID.longest)
        // Nothing is in the catalogue yet.
        #expect(try await fixture.send(.get, "/v1/downloads/\(id)").text == "deep")
        #expect(provider.count(.list) == 1)
        #expect(try await fixture.json("/v1/downloads")["downloads"][0]["id"].text == id)
        #expect(try await fixture.send(.get, "/v1/downloads/\(id)").text == "deep")
        let restarted = try await GatewayFixture([provider], stored: fixture.stored)
        let asked = provider.count(.list)
        #expect(try await restarted.send(.get, "/v1/downloads/\(id)").text == "deep")
        #expect(provider.count(.list) == asked)
    }

    @Test func anIDOfALongPathThatIsNotThereIs404() async throws {
        let provider = try FakeProvider("alpha")
        provider.add("x.txt")
        let fixture = try await GatewayFixture([provider])
        let reference = DownloadReference(
            provider: provider.id,
            session: "s1",
            item: String(repeating: "y", count: 1000)
        )
        let id = DownloadID(secret: fixture.stored.secret, providers: [provider.id]).id(for: reference)
        #expect(try await fixture.send(.get, "/v1/downloads/\(id)").problemCode == "NOT_FOUND")
    }

    @Test func anIDOfALongPathShowsNothingToWhoMayNotSeeIt() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add(String(repeating: "z", count: 1000), in: "other")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads")
        let key = try await fixture.key(sessions: ["team-*"])
        #expect(try await fixture.send(.get, fixture.path(of: download), key: key).problemCode == "NOT_FOUND")
    }
}
