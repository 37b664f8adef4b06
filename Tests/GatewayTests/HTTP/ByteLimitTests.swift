// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct ByteLimitTests {
    private func fixture(
        _ bytes: Data = .pattern(100),
        size: Int64?? = nil,
        stored: StoreFixture? = nil
    ) async throws -> (GatewayFixture, FakeProvider, String) {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.bin", bytes: bytes, size: size)
        let fixture = try await GatewayFixture([provider], stored: stored)
        return (fixture, provider, fixture.path(of: download))
    }

    // MARK: Of the day

    @Test func ofManyAtOnceExactlyAsManyAsFitAreLetIn() async throws {
        let (fixture, provider, path) = try await self.fixture()
        let key = try await fixture.key(limits: RateLimitPolicy(bytesPerDay: 1050))
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<40 {
                group.addTask { try await fixture.send(.get, path, key: key).status.code }
            }
            return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(statuses == [200: 10, 429: 30])
        #expect(provider.count(.content) == 10)
        // What is left is there for a smaller body.
        let headers: HTTPFields = [.range: "bytes=0-49"]
        #expect(try await fixture.send(.get, path, key: key, headers: headers).status == .partialContent)
        #expect(try await fixture.send(.get, path, key: key, headers: headers).problemCode == "QUOTA_EXCEEDED")
    }

    @Test func aRefusedFileCostsNothing() async throws {
        let (fixture, provider, path) = try await self.fixture()
        let limits = RateLimitPolicy(requests: RequestRate(3, per: .hour), concurrent: 1, bytesPerDay: 150)
        let key = try await fixture.key(limits: limits)
        #expect(try await fixture.send(.get, path, key: key).status == .ok)
        for _ in 0..<10 {
            let refused = try await fixture.send(.get, path, key: key)
            #expect(refused.status == .tooManyRequests && refused.problemCode == "QUOTA_EXCEEDED")
            // 2027-01-15 08:00 UTC.
            #expect(refused.headers[.retryAfter] == "57600")
            #expect(refused.headers[.rateLimit] == "\"requests\";r=2;t=1200, \"bytes\";r=50;t=57600")
            #expect(refused.text.contains("150 bytes in a UTC day, of which 50 are left"))
        }
        #expect(provider.count(.content) == 1)
        fixture.time.advance(57_599)
        #expect(try await fixture.send(.get, path, key: key).status == .tooManyRequests)
        fixture.time.advance(1)
        #expect(try await fixture.send(.get, path, key: key).status == .ok)
    }

    @Test func everyAnswerSaysWhatIsLeft() async throws {
        let (fixture, _, path) = try await self.fixture()
        let key = try await fixture.key(
            limits: RateLimitPolicy(requests: RequestRate(60, per: .minute), bytesPerDay: 1000)
        )
        let file = try await fixture.send(.get, path, key: key)
        #expect(
            file.headers[.rateLimitPolicy]
                == "\"requests\";q=60;w=60, \"bytes\";q=1000;w=86400;qu=\"content-bytes\""
        )
        // The body is promised its bytes before they go.
        #expect(file.headers[.rateLimit] == "\"requests\";r=59;t=1, \"bytes\";r=900;t=57600")
        for uri in ["/v1/downloads", "/unknown", "/v1/keys"] {
            let answer = try await fixture.send(.get, uri, key: key)
            #expect(answer.headers[.rateLimit]?.hasSuffix("\"bytes\";r=900;t=57600") == true)
        }
        let bytesOnly = try await fixture.key(limits: RateLimitPolicy(bytesPerDay: .max))
        let answer = try await fixture.send(.get, "/v1/downloads", key: bytesOnly)
        #expect(
            answer.headers[.rateLimitPolicy] == "\"bytes\";q=999999999999999;w=86400;qu=\"content-bytes\""
        )
    }

    @Test func onlyTheBytesOfFilesCount() async throws {
        let (fixture, _, path) = try await self.fixture()
        let key = try await fixture.key(limits: RateLimitPolicy(bytesPerDay: 100))
        for uri in ["/v1/downloads", "/v1/providers", "/unknown", "/v1/downloads?limit=0"] {
            _ = try await fixture.send(.get, uri, key: key)
        }
        #expect(try await fixture.json(path, key: key)["size"].integer == 100)
        #expect(try await fixture.send(.head, path, key: key).status == .ok)
        let file = try await fixture.send(.get, path, key: key)
        #expect(file.status == .ok && file.data == .pattern(100))
        // What the caller has already costs nothing, also now.
        let known: HTTPFields = [.ifNoneMatch: try #require(file.headers[.eTag])]
        #expect(try await fixture.send(.get, path, key: key, headers: known).status == .notModified)
        #expect(try await fixture.send(.head, path, key: key).status == .ok)
        #expect(try await fixture.send(.get, path, key: key).status == .tooManyRequests)
    }

    @Test func whatWasNotSentIsGivenBack() async throws {
        let (fixture, provider, path) = try await self.fixture()
        let key = try await fixture.key(limits: RateLimitPolicy(bytesPerDay: 150))
        provider.script { $0.failures[.content] = ProviderError(.unavailable, message: "down") }
        #expect(try await fixture.send(.get, path, key: key).status == .serviceUnavailable)
        provider.script { script in
            script.failures = [:]
            script.content = { _, _ in Content(length: 100, body: FakeBody(.pattern(30), ending: .broken).body) }
        }
        await #expect(throws: ProviderError.self) { try await fixture.send(.get, path, key: key) }
        #expect(
            try await fixture.send(.get, "/v1/downloads", key: key).headers[.rateLimit] == "\"bytes\";r=120;t=57600"
        )
        provider.script { $0.content = nil }
        #expect(try await fixture.send(.get, path, key: key).status == .ok)
    }

    @Test func anUnknownLengthIsLetEndAndCounted() async throws {
        let (fixture, provider, path) = try await self.fixture(size: .some(nil))
        provider.script { $0.content = { _, _ in Content(length: nil, body: FakeBody(.pattern(500)).body) } }
        let key = try await fixture.key(limits: RateLimitPolicy(bytesPerDay: 10))
        #expect(try await fixture.send(.get, path, key: key).data == .pattern(500))
        let refused = try await fixture.send(.get, path, key: key)
        #expect(refused.problemCode == "QUOTA_EXCEEDED")
        #expect(provider.count(.content) == 1)
    }

    @Test func aLengthThatOnlyTheUpstreamKnowsIsJudgedAtItsHead() async throws {
        let (fixture, provider, path) = try await self.fixture(size: .some(nil))
        let body = FakeBody(.pattern(500))
        provider.script { $0.content = { _, _ in Content(length: 500, body: body.body) } }
        let limits = RateLimitPolicy(requests: RequestRate(1, per: .hour), bytesPerDay: 499)
        let key = try await fixture.key(limits: limits)
        for _ in 0..<2 {
            let refused = try await fixture.send(.get, path, key: key)
            #expect(refused.problemCode == "QUOTA_EXCEEDED")
            #expect(refused.headers[.rateLimit] == "\"requests\";r=1;t=0, \"bytes\";r=499;t=57600")
        }
        #expect(!body.wasRead)
    }

    @Test func everyKeyHasItsOwnBytes() async throws {
        let (fixture, _, path) = try await self.fixture()
        let keys = [
            try await fixture.key(limits: RateLimitPolicy(bytesPerDay: 100)),
            try await fixture.key(limits: RateLimitPolicy(bytesPerDay: 100)),
            try await fixture.key(),
        ]
        for key in keys { #expect(try await fixture.send(.get, path, key: key).status == .ok) }
        #expect(try await fixture.send(.get, path, key: keys[0]).status == .tooManyRequests)
        #expect(try await fixture.send(.get, path, key: keys[2]).status == .ok)
    }

    @Test func theDefaultHoldsForWhoHasNoLimits() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.bin", bytes: .pattern(100))
        let fixture = try await GatewayFixture([provider]) { $0.defaultLimits = RateLimitPolicy(bytesPerDay: 100) }
        let path = fixture.path(of: download)
        #expect(try await fixture.send(.get, path).status == .ok)
        #expect(try await fixture.send(.get, path).problemCode == "QUOTA_EXCEEDED")
        #expect(try await fixture.send(.get, path, key: fixture.key()).status == .ok)
    }

    @Test func aRestartedGatewayCountsOn() async throws {
        let stored = try StoreFixture()
        let (first, _, path) = try await self.fixture(stored: stored)
        let limits = RateLimitPolicy(requests: RequestRate(5, per: .hour), bytesPerDay: 250)
        let key = try await first.key(limits: limits)
        for _ in 0..<2 { #expect(try await first.send(.get, path, key: key).status == .ok) }
        await first.gateway.limits.flush()
        let (second, _, _) = try await self.fixture(stored: stored)
        let refused = try await second.send(.get, path, key: key)
        #expect(refused.problemCode == "QUOTA_EXCEEDED")
        #expect(refused.headers[.rateLimit] == "\"requests\";r=3;t=1440, \"bytes\";r=50;t=57600")
    }

    // MARK: Of the second

    @Test func bytesGoNoFasterThanTheyMay() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.bin", bytes: .pattern(100_000))
        let stored = try StoreFixture()
        let time = stored.time
        let fixture = try await GatewayFixture(
            [provider],
            stored: stored,
            sleep: { time.advance(Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18) }
        )
        let key = try await fixture.key(limits: RateLimitPolicy(bytesPerSecond: 10_000))
        let before = fixture.time.now
        #expect(try await fixture.send(.get, fixture.path(of: download), key: key).data == .pattern(100_000))
        let seconds = fixture.time.now.timeIntervalSince(before)
        #expect(seconds >= 9.74 && seconds < 10)
        // Answers that are no files are not slowed down.
        #expect(try await fixture.send(.get, "/v1/downloads", key: key).status == .ok)
        #expect(fixture.time.now.timeIntervalSince(before) == seconds)
    }

    /// At a byte a second; security.md 22: who is slow must not hold an upstream's slot for ever.
    @Test func aSlowedClientThatLeavesFreesItsPlaceAndItsBytes() async throws {
        let (fixture, provider, path) = try await self.fixture(.pattern(100_000))
        let body = FakeBody(.pattern(100_000))
        provider.script { $0.content = { _, _ in Content(length: 100_000, body: body.body) } }
        let key = try await fixture.key(
            limits: RateLimitPolicy(concurrent: 1, bytesPerDay: 100_010, bytesPerSecond: 1)
        )
        try await fixture.live { port in
            func get(_ path: String, _ fields: String) -> String {
                "GET \(path) HTTP/1.1\r\nHost: localhost\r\nX-API-Key: \(key)\r\n\(fields)\r\n"
            }
            let client = try await RawClient.connect(port)
            try await client.send(get(path, "X-Request-Id: slow\r\n"))
            try await eventually("the first byte is there") { !client.answer.body.isEmpty }
            let other = try await RawClient.exchange(port, get("/v1/providers", "Connection: close\r\n"))
            #expect(other.status == 429)
            await client.close()
            let entry = try await fixture.logEntry(of: "slow")
            #expect(entry.outcome == .clientGone && entry.bytesOut < 100)
            let after = try await RawClient.exchange(port, get("/v1/providers", "Connection: close\r\n"))
            #expect(after.status == 200)
            #expect(after.values("RateLimit").first?.hasPrefix("\"bytes\";r=\(100_010 - entry.bytesOut);") == true)
        }
    }
}
