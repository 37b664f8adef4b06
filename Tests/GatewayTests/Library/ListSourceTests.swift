// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// What becomes of each source of a list: how fresh it is, and what happens where it fails.
@Suite struct ListSourceTests {
    private let anew: HTTPFields = [.cacheControl: "no-cache"]
    private let down = ProviderError(.unavailable, retry: .now, message: "The upstream is down.", cause: "10.0.0.7")

    private func provider(_ name: String = "alpha", _ files: String...) throws -> FakeProvider {
        let provider = try FakeProvider(name)
        for file in files { provider.add(file) }
        return provider
    }

    private func state(_ list: JSONValue, _ provider: String = "alpha") -> String? {
        list.source(provider)["state"].text
    }

    // MARK: Freshness

    @Test func anAnswerIsCachedForAsLongAsItIsFresh() async throws {
        let provider = try self.provider("alpha", "a")
        let fixture = try await GatewayFixture([provider])
        #expect(self.state(try await fixture.json("/v1/downloads")) == "fresh")
        fixture.time.advance(30)
        let list = try await fixture.json("/v1/downloads")
        #expect(self.state(list) == "cached")
        #expect(list.source("alpha")["ageSeconds"] == 30)
        #expect(list.filenames == ["a"])
        #expect(provider.count(.list) == 1)
        #expect(provider.count(.sessions) == 1)
    }

    @Test func aStaleAnswerIsServedAtOnceWhileTheUpstreamIsAsked() async throws {
        let provider = try self.provider("alpha", "a")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads")
        fixture.time.advance(31)
        provider.add("b")
        let gate = Gate()
        provider.script { $0.gates[.list] = gate }
        // The upstream hangs, and yet there is an answer.
        let stale = try await fixture.json("/v1/downloads")
        #expect(self.state(stale) == "stale")
        #expect(stale.source("alpha")["ageSeconds"] == 31)
        #expect(stale.filenames == ["a"])
        #expect(stale["complete"] == true)
        try await eventually("the upstream is asked") { gate.waiting == 1 }
        #expect(provider.count(.list) == 2)
        gate.open()
        try await eventually("the new answer is known") {
            try await fixture.json("/v1/downloads").filenames.sorted() == ["a", "b"]
        }
        #expect(provider.count(.list) == 2)
    }

    @Test func aStaleAnswerStandsInForAnUpstreamThatIsDown() async throws {
        let provider = try self.provider("alpha", "a")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads")
        provider.script { $0.failures[.list] = self.down }
        fixture.time.advance(3600)
        let list = try await fixture.json("/v1/downloads", headers: self.anew)
        #expect(self.state(list) == "stale")
        #expect(list.filenames == ["a"])
    }

    @Test func anAnswerThatIsTooOldIsNotServed() async throws {
        let provider = try self.provider("alpha", "a")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads")
        provider.script { $0.failures[.list] = self.down }
        fixture.time.advance(86_401)
        let answer = try await fixture.send(.get, "/v1/downloads?provider=alpha")
        #expect(answer.problemCode == "UPSTREAM_UNAVAILABLE")
    }

    @Test func noCacheAsksEveryUpstreamAnew() async throws {
        let provider = try self.provider("alpha", "a")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads")
        provider.add("b", in: "s2")
        let list = try await fixture.json("/v1/downloads", headers: [.cacheControl: "max-age=0, No-Cache"])
        #expect(self.state(list) == "fresh")
        #expect(list.filenames.sorted() == ["a", "b"])
        #expect(provider.count(.sessions) == 2)
        #expect(provider.count(.list) == 3)
    }

    @Test func theCatalogueSurvivesARestart() async throws {
        let provider = try self.provider("alpha", "a")
        let before = try await GatewayFixture([provider])
        _ = try await before.json("/v1/downloads")
        let after = try await GatewayFixture([provider], stored: before.stored)
        #expect(self.state(try await after.json("/v1/downloads")) == "cached")
        #expect(provider.count(.list) == 1)
        provider.script { script in
            script.failures[.list] = self.down
            script.failures[.sessions] = self.down
        }
        before.time.advance(60)
        let third = try await GatewayFixture([provider], stored: before.stored)
        let list = try await third.json("/v1/downloads", headers: self.anew)
        #expect(list.filenames == ["a"])
        #expect(self.state(list) == "stale")
    }

    // MARK: One question

    @Test func identicalQuestionsInFlightAreAskedOnce() async throws {
        let provider = try self.provider("alpha", "a")
        let gate = Gate()
        provider.script { $0.gates[.list] = gate }
        let fixture = try await GatewayFixture([provider]) { $0.fanOut.deadline = 60 }
        try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<20 {
                group.addTask { try await fixture.json("/v1/downloads?sessionId=s1").filenames }
            }
            try await eventually("the upstream is asked") { gate.waiting == 1 }
            gate.open()
            for try await names in group { #expect(names == ["a"]) }
        }
        // Also for those who looked before the answer was kept, and asked after.
        #expect(provider.count(.list) == 1)
    }

    @Test func manyWaitersShareOneFlight() async throws {
        let flights = SingleFlight<String, Int>()
        let gate = Gate()
        let tasks = (0..<100).map { number in
            flights.join("same") {
                try? await gate.wait()
                return number
            }
        }
        let other = flights.join("other") { -1 }
        #expect(await other.value == -1)
        gate.open()
        for task in tasks { #expect(await task.value == 0) }
        #expect(await flights.join("same") { 7 }.value == 7)
    }

    @Test func aDifferentFilterIsADifferentQuestion() async throws {
        let provider = try FakeProvider("alpha", .init(listsSessions: true, filters: [.filename]))
        provider.add("a")
        provider.add("b")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.json("/v1/downloads?filename=a")
        _ = try await fixture.json("/v1/downloads?filename=b")
        #expect(provider.count(.list) == 2)
        // A filter that the upstream does not have is the same question to it.
        _ = try await fixture.json("/v1/downloads?filename=b&q=b&minSize=1")
        #expect(provider.count(.list) == 2)
    }

    // MARK: Deadline

    @Test func aProviderThatNeverAnswersDoesNotHoldTheListUp() async throws {
        let quick = try self.provider("quick", "q")
        let hung = try self.provider("hung", "h")
        let gate = Gate()
        hung.script { $0.gates[.list] = gate }
        let fixture = try await GatewayFixture([quick, hung]) { $0.fanOut.deadline = 1 }
        try await eventually("the quick one is known") {
            try await fixture.send(.get, "/v1/downloads?provider=quick").status == .ok
        }
        // The gate opens only after the answer: that there is one shows that nobody waited for it.
        var list = JSONValue.null
        try await eventually("there is a list without the hung provider") {
            list = try JSONDecoder().decode(JSONValue.self, from: try await fixture.send(.get, "/v1/downloads").data)
            return self.state(list, "quick") == "cached"
        }
        #expect(list.filenames == ["q"])
        #expect(list["complete"] == false)
        #expect(self.state(list, "hung") == "failed")
        #expect(list.source("hung")["error"]["code"] == "UPSTREAM_TIMEOUT")
        try await eventually("the hung one is still being asked") { gate.waiting == 1 }
        gate.open()
        try await eventually("the late answer reaches the catalogue") {
            let list = try await fixture.json("/v1/downloads")
            return list.filenames.sorted() == ["h", "q"] && self.state(list, "hung") == "cached"
        }
        #expect(hung.count(.list) == 1)
    }

    @Test func pastTheDeadlineAStaleAnswerStandsIn() async throws {
        let provider = try self.provider("alpha", "a")
        let fixture = try await GatewayFixture([provider]) { $0.fanOut.deadline = 1 }
        try await eventually("the list is known") {
            try await fixture.send(.get, "/v1/downloads?sessionId=s1").status == .ok
        }
        let gate = Gate()
        provider.script { $0.gates[.list] = gate }
        defer { gate.open() }
        var list = JSONValue.null
        try await eventually("there is a list") {
            let answer = try await fixture.send(.get, "/v1/downloads?sessionId=s1", headers: self.anew)
            list = try JSONDecoder().decode(JSONValue.self, from: answer.data)
            return answer.status == .ok
        }
        #expect(self.state(list) == "stale")
        #expect(list.filenames == ["a"])
    }

    @Test func allProvidersAreAskedAtOnce() async throws {
        let gate = Gate()
        let providers = try ["a", "b", "c"].map { try self.provider($0, "file-of-\($0)") }
        for provider in providers { provider.script { $0.gates[.sessions] = gate } }
        let fixture = try await GatewayFixture(providers) { $0.fanOut.deadline = 60 }
        async let list = fixture.json("/v1/downloads")
        try await eventually("all wait together") { gate.waiting == 3 }
        gate.open()
        #expect(try await list["total"] == 3)
    }

    @Test func noMoreSessionsAreReadAtOnceThanTheBound() async throws {
        let provider = try FakeProvider("alpha")
        for number in 0..<6 { provider.add("f", in: "s\(number)") }
        let gate = Gate()
        provider.script { $0.gates[.list] = gate }
        let fixture = try await GatewayFixture([provider]) { configuration in
            configuration.fanOut.concurrency = 2
            configuration.fanOut.deadline = 60
        }
        async let list = fixture.json("/v1/downloads")
        try await eventually("two wait") { gate.waiting == 2 }
        #expect(provider.count(.list) == 2)
        gate.open()
        #expect(try await list["total"] == 6)
    }

    @Test func moreSessionsThanTheBoundAreTruncated() async throws {
        let provider = try FakeProvider("alpha")
        for number in 0..<4 { provider.add("f\(number)", in: "s\(number)") }
        let fixture = try await GatewayFixture([provider]) { $0.fanOut.sessions = 3 }
        let list = try await fixture.json("/v1/downloads")
        #expect(list.filenames.sorted() == ["f1", "f2", "f3"])
        #expect(list.source("alpha")["truncated"] == true)
        #expect(list["complete"] == false)
        // Named, the fourth is there all the same.
        let named = try await fixture.json("/v1/downloads?sessionId=s0")
        #expect(named.filenames == ["f0"])
        #expect(named.source("alpha")["truncated"] == .null)
    }
}
