// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct RateLimitRouteTests {
    private func policy(_ requests: Int, burst: Int? = nil) -> RateLimitPolicy {
        RateLimitPolicy(requests: RequestRate(requests, per: .minute), burst: burst)
    }

    @Test func ofManyAtOnceExactlyTheLimitIsLetIn() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key(limits: self.policy(20))
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<60 {
                group.addTask { try await fixture.send(.get, "/v1/providers", key: key).status.code }
            }
            return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(statuses == [200: 20, 429: 40])
    }

    @Test func everyAnswerSaysWhatIsLeft() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key(limits: self.policy(60, burst: 2))
        let first = try await fixture.send(.get, "/v1/downloads", key: key)
        #expect(first.headers[.rateLimitPolicy] == "\"requests\";q=60;w=60")
        #expect(first.headers[.rateLimit] == "\"requests\";r=1;t=1")
        // Also on a refusal for another reason, which counts.
        let second = try await fixture.send(.get, "/v1/keys", key: key)
        #expect(second.status == .forbidden)
        #expect(second.headers[.rateLimit] == "\"requests\";r=0;t=2")
        let third = try await fixture.send(.get, "/v1/downloads", key: key)
        #expect(third.status == .tooManyRequests)
        #expect(third.problemCode == "RATE_LIMITED")
        #expect(third.headers[.rateLimit] == "\"requests\";r=0;t=2")
        #expect(third.headers[.retryAfter] == "1")
        #expect(!third.text.contains("slc_"))
        #expect(!third.text.contains("key_"))
    }

    @Test func aRefusedRequestCostsNothing() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key(limits: self.policy(2))
        func status() async throws -> Int { try await fixture.send(.get, "/v1/providers", key: key).status.code }
        #expect(try await [status(), status()] == [200, 200])
        for _ in 0..<10 { #expect(try await status() == 429) }
        fixture.time.advance(30)
        #expect(try await [status(), status()] == [200, 429])
        fixture.time.advance(29)
        #expect(try await status() == 429)
        fixture.time.advance(1)
        #expect(try await status() == 200)
    }

    @Test func retryAfterIsTrue() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key(limits: self.policy(1))
        _ = try await fixture.send(.get, "/v1/providers", key: key)
        let refused = try await fixture.send(.get, "/v1/providers", key: key)
        let wait = try #require(refused.headers[.retryAfter].flatMap { Double($0) })
        #expect(wait == 60)
        fixture.time.advance(wait)
        #expect(try await fixture.send(.get, "/v1/providers", key: key).status == .ok)
    }

    @Test func eachKeyHasItsOwnAndTheDefaultIsForTheRest() async throws {
        let fixture = try await GatewayFixture([]) { $0.defaultLimits = self.policy(1) }
        let keys = [try await fixture.key(), try await fixture.key(), try await fixture.key(limits: self.policy(3))]
        var admitted = [0, 0, 0]
        for (index, key) in keys.enumerated() {
            for _ in 0..<5 where try await fixture.send(.get, "/v1/providers", key: key).status == .ok {
                admitted[index] += 1
            }
        }
        #expect(admitted == [1, 1, 3])
    }

    @Test func anonymousRefusalsUseUpNobodysLimit() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key(limits: self.policy(1))
        for _ in 0..<5 {
            let answer = try await fixture.send(.get, "/v1/providers", key: nil)
            #expect(answer.status == .unauthorized)
            #expect(answer.headers[.rateLimitPolicy] == nil)
        }
        #expect(try await fixture.send(.get, "/v1/providers", key: key).status == .ok)
    }

    @Test func aPlaceIsHeldUntilTheLastByte() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", bytes: .pattern(100))
        let fixture = try await GatewayFixture([provider])
        let key = try await fixture.key(limits: RateLimitPolicy(concurrent: 1))
        let path = fixture.path(of: download)
        let gate = Gate()
        let body = FakeBody(.pattern(100), ending: .gate(gate))
        provider.script { $0.content = { _, _ in Content(length: 100, body: body.body) } }
        async let first = fixture.send(.get, path, key: key)
        try await eventually("all bytes but the end are there") { gate.waiting == 1 }
        let second = try await fixture.send(.get, path, key: key)
        #expect(second.status == .tooManyRequests)
        #expect(second.problemCode == "RATE_LIMITED")
        #expect(second.headers[.retryAfter] == "1")
        gate.open()
        #expect(try await first.data == .pattern(100))
        #expect(try await fixture.send(.get, "/v1/providers", key: key).status == .ok)
    }

    @Test func everyAnswerGivesItsPlaceBack() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x")
        let fixture = try await GatewayFixture([provider])
        let key = try await fixture.key(limits: RateLimitPolicy(concurrent: 1))
        let path = fixture.path(of: download)
        for uri in [path, "/v1/downloads", "/v1/keys", "/unknown", "/v1/downloads?limit=0", path, "/v1/providers"] {
            #expect(try await fixture.send(.get, uri, key: key).status != .tooManyRequests)
        }
        provider.script { $0.content = { _, _ in Content(length: 10, body: FakeBody(Data(), ending: .broken).body) } }
        await #expect(throws: ProviderError.self) { try await fixture.send(.get, path, key: key) }
        #expect(try await fixture.send(.get, "/v1/providers", key: key).status == .ok)
    }
}
