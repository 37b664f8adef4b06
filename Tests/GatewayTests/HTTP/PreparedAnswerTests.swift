// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import NIOEmbedded
import ServiceLifecycle
import Testing

@testable import Gateway

/// The same request on one connection after the other: what may be answered again at once, and what may not.
@Suite struct PreparedAnswerTests {
    private let known: KnownDownload

    init() throws { self.known = try KnownDownload() }

    // MARK: What is the same

    @Test func whoAsksInTheSameWordsGetsTheSameAnswer() async throws {
        let fixture = try await self.known.fixture { configuration in
            configuration.defaultLimits = RateLimitPolicy(requests: RequestRate(100, per: .minute), concurrent: 2)
        }
        let question = self.known.question(fixture, try await fixture.key(), "User-Agent: tester\r\n")
        try await fixture.live { port in
            let answers = try await self.known.ask(port, [question, question]) + self.known.ask(port, [question])
            #expect(self.known.prepared(fixture) == 2)
            for answer in answers {
                #expect(answer.status == 200)
                #expect(answer.body == answers[0].body)
                #expect(self.fields(answer) == self.fields(answers[0]))
                for name in ["Content-Type", "Content-Length", "Vary", "Cache-Control", "RateLimit-Policy"] {
                    #expect(!answer.values(name).isEmpty && answer.values(name) == answers[0].values(name))
                }
                let timing = try #require(answer.values("Server-Timing").first)
                for part in ["auth", "limit", "cache", "total"] { #expect(timing.contains("\(part);dur=")) }
            }
            for (answer, left) in zip(answers, [99, 98, 97]) {
                #expect(answer.values("RateLimit").first?.hasPrefix("\"requests\";r=\(left);t=") == true)
            }
            #expect(Set(answers.flatMap { $0.values("X-Request-Id") }).count == 3)
            #expect(self.known.provider.count(.download) == 1)
            try await self.expectSameEntries(fixture, answers)
        }
    }

    private func fields(_ answer: RawAnswer) -> [String] {
        answer.head.split(separator: "\r\n").dropFirst().map { $0.prefix { $0 != ":" }.lowercased() }.sorted()
    }

    /// The log tells them apart by their ids and times only.
    private func expectSameEntries(_ fixture: GatewayFixture, _ answers: [RawAnswer]) async throws {
        var entries: [LogEntry] = []
        for id in answers.flatMap({ $0.values("X-Request-Id") }) {
            var entry = try await fixture.logEntry(of: id)
            #expect(entry.durationMs > 0)
            #expect(entry.timings.auth != nil && entry.timings.cache != nil && entry.timings.limit != nil)
            #expect(entry.timings.body != nil && entry.timings.upstream == nil)
            #expect(entry.bytesOut == Int64(answers[0].body.count))
            (entry.id, entry.requestId, entry.hash) = ("", "", nil)
            (entry.durationMs, entry.timings) = (0, LogEntry.Timings())
            entries.append(entry)
        }
        #expect(Set(entries).count == 1, "\(entries)")
        #expect(entries.first?.userAgent == "tester" && entries.first?.outcome == .complete)
    }

    @Test func theAdminKeyIsAnsweredTooAndATokenIsNot() async throws {
        let fixture = try await self.known.fixture { $0.issuers = [JWTForge.issuer()] }
        try await fixture.live { port in
            for (key, count) in [(GatewayFixture.adminKey, 1), (JWTForge.token(payload: JWTForge.payload()), 1)] {
                let question = self.known.question(fixture, key)
                try await self.known.expect([200, 200], port, [question, question])
                #expect(self.known.prepared(fixture) == count)
            }
        }
    }

    @Test func aTrustedProxysWordCountsEachTime() async throws {
        let fixture = try await self.known.fixture { configuration in
            configuration.server.trustedProxies = ["127.0.0.0/8", "::1/128"].compactMap { AddressRange($0) }
        }
        try await fixture.live { port in
            let question = self.known.question(fixture, GatewayFixture.adminKey, "X-Forwarded-For: 192.0.2.9\r\n")
            for answer in try await self.known.ask(port, [question, question]) {
                let id = try #require(answer.values("X-Request-Id").first)
                #expect(try await fixture.logEntry(of: id).address == "192.0.2.9")
            }
            #expect(self.known.prepared(fixture) == 1)
        }
    }

    // MARK: What changed

    @Test func aRevokedKeyIsRefused() async throws {
        let fixture = try await self.known.fixture()
        let secret = try await fixture.key()
        let question = self.known.question(fixture, secret)
        try await fixture.live { port in
            try await self.known.expect([200, 200], port, [question, question])
            let id = try #require(try await fixture.gateway.keys.list().first?.id)
            _ = try await fixture.gateway.keys.revoke(id)
            try await self.known.expect([401], port, [question])
            #expect(self.known.prepared(fixture) == 1)
        }
    }

    @Test func aKeyThatExpiresIsRefused() async throws {
        let fixture = try await self.known.fixture()
        let question = self.known.question(
            fixture,
            try await fixture.key(expiresAt: fixture.time.now.addingTimeInterval(10))
        )
        try await fixture.live { port in
            try await self.known.expect([200, 200], port, [question, question])
            fixture.time.advance(10)
            try await self.known.expect([401], port, [question])
        }
    }

    @Test func aLimitIsExact() async throws {
        let fixture = try await self.known.fixture()
        let limits = RateLimitPolicy(requests: RequestRate(3, per: .hour))
        let question = self.known.question(fixture, try await fixture.key(limits: limits))
        try await fixture.live { port in
            let answers = try await self.known.ask(port, Array(repeating: question, count: 5))
            #expect(answers.map(\.status) == [200, 200, 200, 429, 429])
            #expect(self.known.prepared(fixture) == 2)
        }
    }

    @Test func aDownloadThatChangedIsToldAsItIs() async throws {
        let fixture = try await self.known.fixture { $0.freshness.freshFor = 30 }
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        try await fixture.live { port in
            let before = try await self.known.ask(port, [question, question])
            var changed = self.known.download
            changed.size = 12
            self.known.provider.put(changed, Data("twelve bytes".utf8))
            // What anybody learns counts for all.
            _ = try await fixture.json(fixture.path(of: self.known.download), headers: [.cacheControl: "no-cache"])
            let after = try await self.known.ask(port, [question, question])
            #expect(before.allSatisfy { String(decoding: $0.body, as: UTF8.self).contains("\"size\":10") })
            #expect(after.allSatisfy { String(decoding: $0.body, as: UTF8.self).contains("\"size\":12") })
            #expect(self.known.prepared(fixture) == 2)
        }
    }

    @Test func whatIsTooOldIsAskedForAgain() async throws {
        let fixture = try await self.known.fixture { $0.freshness.freshFor = 30 }
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        try await fixture.live { port in
            _ = try await self.known.ask(port, [question, question])
            fixture.time.advance(31)
            _ = try await self.known.ask(port, [question, question])
            #expect(self.known.provider.count(.download) == 2)
            #expect(self.known.prepared(fixture) == 2)
        }
    }

    @Test func aTransferThatIsUnderWayIsAskedAboutEachTime() async throws {
        let fixture = try await self.known.fixture { $0.freshness.runningFor = nil }
        var running = self.known.download
        running.status = .downloading
        self.known.provider.put(running, Data())
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        try await fixture.live { port in
            _ = try await self.known.ask(port, [question, question, question])
            #expect(self.known.provider.count(.download) >= 3)
            #expect(self.known.prepared(fixture) == 0)
        }
    }

    @Test func whatIsDeletedIsGone() async throws {
        let fixture = try await self.known.fixture()
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        try await fixture.live { port in
            _ = try await self.known.ask(port, [question, question])
            _ = try await fixture.send(.delete, fixture.path(of: self.known.download))
            try await self.known.expect([404], port, [question])
        }
    }

    @Test func aNewConfigurationIsLearntAnew() async throws {
        let fixture = try await self.known.fixture()
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        try await fixture.live { port in
            _ = try await self.known.ask(port, [question, question])
            var configuration = Gateway.Configuration()
            configuration.providers = [ProviderConfiguration(id: self.known.provider.id, kind: "fake")]
            configuration.server.corsOrigins = ["https://app.example"]
            try await fixture.gateway.reload(configuration, factory: nil, tokens: try JWTForge.verifier([]))
            for answer in try await self.known.ask(port, [question, question]) {
                #expect(answer.values("Vary").contains { $0.contains("Origin") })
            }
            #expect(self.known.prepared(fixture) == 1)
        }
    }
}
