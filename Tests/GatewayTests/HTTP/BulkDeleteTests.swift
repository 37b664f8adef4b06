// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct BulkDeleteTests {
    private func filled() async throws -> (fixture: GatewayFixture, alpha: FakeProvider, beta: FakeProvider) {
        let (alpha, beta) = (try FakeProvider("alpha"), try FakeProvider("beta", .init(listsSessions: true)))
        for name in ["a", "b", "c"] { alpha.add(name) }
        beta.add("fixed", in: "t1")
        return (try await GatewayFixture([alpha, beta]), alpha, beta)
    }

    private func delete(
        _ fixture: GatewayFixture,
        _ query: String,
        key: String = GatewayFixture.adminKey
    ) async throws -> Answer {
        try await fixture.send(.delete, "/v1/downloads" + query, key: key)
    }

    @Test func whatMatchesIsDeleted() async throws {
        let (fixture, alpha, _) = try await self.filled()
        let total = try await fixture.json("/v1/downloads?provider=alpha")["total"].integer ?? 0
        let json = try await self.delete(fixture, "?provider=alpha&confirm=\(total)").json(expecting: .ok)
        #expect(json["total"].integer == 3 && json["deleted"].integer == 3 && json["failed"].integer == 0)
        #expect(json["results"].items.count == 3)
        #expect(
            json["results"].items.allSatisfy { $0["status"].integer == 204 && $0["id"].text?.hasPrefix("dl_") == true }
        )
        #expect(alpha.count(.delete) == 3)
        #expect(try await fixture.json("/v1/downloads").filenames == ["fixed"])
        let entry = try #require(try await fixture.log().first { $0.method == "DELETE" })
        #expect(entry.provider == "alpha" && entry.status == 200 && entry.path.contains("confirm=3"))
    }

    @Test func onlyWhatMatches() async throws {
        let (fixture, _, _) = try await self.filled()
        _ = try await self.delete(fixture, "?q=a&sessionId=s1&confirm=1").json(expecting: .ok)
        #expect(try await fixture.json("/v1/downloads?provider=alpha&sort=filename").filenames == ["b", "c"])
    }

    @Test func eachHasItsOwnResult() async throws {
        let (fixture, _, _) = try await self.filled()
        let json = try await self.delete(fixture, "?minSize=0&confirm=4").json(expecting: .ok)
        #expect(json["deleted"].integer == 3 && json["failed"].integer == 1)
        let failed = json["results"].items.filter { $0["status"].integer != 204 }
        #expect(failed.count == 1 && failed[0]["status"].integer == 501)
        #expect(failed[0]["error"]["code"].text == "NOT_SUPPORTED" && failed[0]["error"]["message"].text != nil)
    }

    @Test func aFailureDoesNotStopTheRest() async throws {
        let (fixture, alpha, _) = try await self.filled()
        alpha.script { $0.bytes = $0.bytes.filter { $0.key.item != "b" } }
        let json = try await self.delete(fixture, "?provider=alpha&confirm=3").json(expecting: .ok)
        #expect(json["deleted"].integer == 2 && json["failed"].integer == 1)
        #expect(json["results"].items.contains { $0["status"].integer == 404 })
        alpha.add("d")
        alpha.script { $0.failures[.delete] = ProviderError(.unavailable, message: "Down.", cause: "secret") }
        let down = try await fixture.send(
            .delete,
            "/v1/downloads?filename=d&confirm=1",
            headers: [.cacheControl: "no-cache"]
        )
        #expect(try down.json(expecting: .ok)["results"][0]["error"]["code"].text == "UPSTREAM_UNAVAILABLE")
        #expect(!down.text.contains("secret"))
    }

    @Test(arguments: [
        ("?provider=alpha", ["confirm"]), ("?provider=alpha&confirm=2", ["confirm"]),
        ("?provider=alpha&confirm=4", ["confirm"]),
        ("?provider=alpha&confirm=x", ["confirm"]), ("?provider=alpha&confirm=-3", ["confirm"]),
        ("?confirm=4", ["provider"]), ("", ["confirm", "provider"]), ("?provider=alpha&confirm=3&limit=1", ["limit"]),
        ("?provider=alpha&confirm=3&sort=size", ["sort"]), ("?provider=gamma&confirm=0", ["provider"]),
        ("?provider=alpha&confirm=3&confirm=3", ["confirm"]),
    ])
    func withoutTheRightNumberNothingIsDeleted(_ query: String, _ fields: [String]) async throws {
        let (fixture, alpha, _) = try await self.filled()
        let answer = try await self.delete(fixture, query)
        #expect(answer.problemCode == "INVALID_REQUEST" && answer.problemFields == fields, "\(answer.text)")
        #expect(alpha.count(.delete) == 0)
    }

    @Test func nothingIsDeletedOfWhatIsNotKnownWhole() async throws {
        let (fixture, alpha, beta) = try await self.filled()
        beta.script { $0.failures[.sessions] = ProviderError(.unavailable, message: "Down.") }
        let answer = try await self.delete(fixture, "?minSize=0&confirm=3")
        #expect(answer.problemCode == "UPSTREAM_ERROR" && answer.text.contains("Nothing was deleted."))
        #expect(alpha.count(.delete) == 0)
        #expect(try await self.delete(fixture, "?provider=alpha&confirm=3").status == .ok)
    }

    @Test func tooManyAreRefused() async throws {
        let alpha = try FakeProvider("alpha")
        for number in 0...DownloadLibrary.mostDeletions { alpha.add("f\(number)") }
        let fixture = try await GatewayFixture([alpha])
        let answer = try await self.delete(fixture, "?provider=alpha&confirm=\(DownloadLibrary.mostDeletions + 1)")
        #expect(answer.problemCode == "TOO_LARGE" && alpha.count(.delete) == 0)
    }

    @Test func needsTheScopeAndSeesOnlyItsOwn() async throws {
        let (fixture, alpha, _) = try await self.filled()
        let reader = try await fixture.key([.read, .write, .logs])
        #expect(
            try await self.delete(fixture, "?provider=alpha&confirm=3", key: reader).problemCode == "INSUFFICIENT_SCOPE"
        )
        let narrow = try await fixture.key([.delete], sessions: ["elsewhere"])
        #expect(
            try await self.delete(fixture, "?provider=alpha&confirm=3", key: narrow).problemCode == "INVALID_REQUEST"
        )
        let json = try await self.delete(fixture, "?provider=alpha&confirm=0", key: narrow).json(expecting: .ok)
        #expect(json["total"].integer == 0 && alpha.count(.delete) == 0)
    }
}
