// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// A source that fails: labelled in the list, and no reason for the list to fail.
@Suite struct ListFailureTests {
    private let down = ProviderError(.unavailable, retry: .now, message: "The upstream is down.", cause: "10.0.0.7")

    private func provider(_ name: String = "alpha", _ files: String...) throws -> FakeProvider {
        let provider = try FakeProvider(name)
        for file in files { provider.add(file) }
        return provider
    }

    private func state(_ list: JSONValue, _ provider: String = "alpha") -> String? {
        list.source(provider)["state"].text
    }

    @Test func aFailedSourceIsLabelledAndTheRestIsServed() async throws {
        let good = try self.provider("good", "g")
        let bad = try self.provider("bad", "b")
        bad.script { $0.failures[.sessions] = self.down }
        let fixture = try await GatewayFixture([good, bad], unconfigured: ["bare"])
        let answer = try await fixture.send(.get, "/v1/downloads")
        let list = try answer.json(expecting: .ok)
        #expect(list.filenames == ["g"])
        #expect(list["complete"] == false)
        #expect(self.state(list, "bad") == "failed")
        #expect(list.source("bad")["error"]["code"] == "UPSTREAM_UNAVAILABLE")
        #expect(list.source("bad")["error"]["message"] == "The upstream is down.")
        #expect(self.state(list, "bare") == "skipped")
        #expect(!answer.text.contains("10.0.0.7"))
    }

    @Test func oneFailedSessionLeavesTheOthers() async throws {
        let provider = try FakeProvider("alpha")
        provider.add("a", in: "s1")
        provider.add("b", in: "s2")
        provider.script { $0.listFailures["s2"] = self.down }
        let fixture = try await GatewayFixture([provider])
        let list = try await fixture.json("/v1/downloads")
        #expect(list.filenames == ["a"])
        #expect(self.state(list) == "failed")
        #expect(list.source("alpha")["count"] == 1)
        #expect(list["complete"] == false)
    }

    @Test func onlyWhereEverySourceFailedTheListFails() async throws {
        let providers = try ["a", "b"].map { try self.provider($0) }
        for provider in providers { provider.script { $0.failures[.sessions] = self.down } }
        let fixture = try await GatewayFixture(providers, unconfigured: ["bare"])
        let answer = try await fixture.send(.get, "/v1/downloads")
        #expect(answer.status == .badGateway)
        #expect(answer.problemCode == "UPSTREAM_ERROR")
        #expect(answer.text.contains("a: UPSTREAM_UNAVAILABLE"))
        #expect(!answer.text.contains("10.0.0.7"))
    }

    @Test func aSingleProvidersFailureIsItsOwnProblem() async throws {
        let providers = try ["a", "b"].map { try self.provider($0) }
        providers[0].script {
            $0.failures[.sessions] = ProviderError(.rateLimited, retry: .after(.seconds(17)), message: "Too many.")
        }
        let fixture = try await GatewayFixture(providers)
        let answer = try await fixture.send(.get, "/v1/downloads?provider=a")
        #expect(answer.status == .tooManyRequests)
        #expect(answer.problemCode == "UPSTREAM_RATE_LIMITED")
        #expect(answer.headers[.retryAfter] == "17")
    }

    @Test func aRefusedCredentialIsNotHiddenBehindAnOlderAnswer() async throws {
        let provider = try self.provider("alpha", "a")
        let fixture = try await GatewayFixture([provider])
        let path = "/v1/downloads?provider=alpha&sessionId=s1"
        #expect(try await fixture.json(path).filenames == ["a"])
        for (kind, code) in [(ProviderError.Kind.unauthorized, "UPSTREAM_AUTH"), (.permission, "UPSTREAM_PERMISSION")] {
            provider.script { $0.failures[.list] = ProviderError(kind, message: "No.") }
            let answer = try await fixture.send(.get, path, headers: [.cacheControl: "no-cache"])
            #expect(answer.problemCode == code)
        }
        provider.script { $0.failures[.list] = self.down }
        let stale = try await fixture.json(path, headers: [.cacheControl: "no-cache"])
        #expect(self.state(stale) == "stale" && stale.filenames == ["a"])
    }

    @Test func aSourceThatAnsweredInPartHasNotFailedWhereNothingMatches() async throws {
        let provider = try FakeProvider("alpha")
        provider.add("a", in: "s1")
        provider.add("b", in: "s2")
        provider.script { $0.listFailures["s2"] = ProviderError(.permission, message: "No.") }
        let fixture = try await GatewayFixture([provider])
        let list = try await fixture.json("/v1/downloads?provider=alpha&filename=c")
        #expect(list.filenames == [] && list["complete"] == false && self.state(list) == "failed")
    }

    @Test func anUnknownSessionIsAbsentNotFailed() async throws {
        let providers = try [self.provider("a", "x"), self.provider("b")]
        let fixture = try await GatewayFixture(providers)
        let list = try await fixture.json("/v1/downloads?sessionId=s1")
        #expect(self.state(list, "a") == "fresh")
        #expect(self.state(list, "b") == "absent")
        #expect(list["complete"] == true)
        #expect(list.filenames == ["x"])
        // Known as absent, it is not asked again while that is fresh.
        _ = try await fixture.json("/v1/downloads?sessionId=s1")
        #expect(providers[1].count(.list) == 1)
    }
}
