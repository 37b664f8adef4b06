// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import Gateway

/// What becomes of the answers under way, and of the requests to come, of a key that was taken back.
@Suite struct OpenStreamTests {
    /// How a caller loses the right to a file of session `s1` of `alpha`.
    enum Loss: String, CaseIterable {
        case revoked, rotated, rotatedAgain, scope, provider, session

        func befall(_ id: String, in keys: KeyRing) async throws {
            var change = KeyChange()
            switch self {
            case .revoked: return _ = try await keys.revoke(id)
            case .rotated: return _ = try await keys.rotate(id).get()
            case .rotatedAgain:
                for _ in 0..<2 { _ = try await keys.rotate(id, grace: .seconds(60)).get() }
                return
            case .scope: change.scopes = [.delete, .logs]
            case .provider: change.providers = Set([ProviderID("beta")].compactMap { $0 })
            case .session: change.sessions = [SessionGlob("s2*")].compactMap { $0 }
            }
            _ = try await keys.change(id, change).get()
        }
    }

    /// A file of which half has come, and the other half never does before the gate opens.
    private struct HalfSent {
        let fixture: GatewayFixture
        let gate = Gate()
        let body: FakeBody
        let key: KeyRing.NewKey
        let path: String

        init(_ settings: KeySettings = KeySettings(name: "a test", scopes: [.read])) async throws {
            let provider = try FakeProvider("alpha")
            let download = provider.add("x.bin", size: 200_000)
            self.fixture = try await GatewayFixture([provider])
            let body = FakeBody(.pattern(100_000), ending: .gate(self.gate, rest: .pattern(100_000)))
            provider.script { $0.content = { _, _ in Content(length: 200_000, body: body.body) } }
            self.body = body
            self.key = try await self.fixture.gateway.keys.create(settings)
            self.path = self.fixture.path(of: download)
        }

        func request(_ path: String, _ id: String) -> String {
            let key = self.key.key.secret.reveal()
            return "GET \(path) HTTP/1.1\r\nHost: localhost\r\nX-API-Key: \(key)\r\nX-Request-Id: \(id)\r\n\r\n"
        }

        /// A client that has got the first half.
        func client(_ port: Int) async throws -> RawClient {
            let client = try await RawClient.connect(port)
            try await client.send(self.request(self.path, "stream"))
            try await eventually("half of the body is there") { client.answer.body.count == 100_000 }
            try await eventually("the upstream is silent") { self.gate.waiting == 1 }
            return client
        }

        func expectCut(_ client: RawClient) async throws {
            let answer = try await client.answerToEnd()
            #expect(!answer.isWhole && answer.body.count == 100_000)
            try await eventually("the upstream's transfer is cancelled") { self.body.wasCancelled }
            let entry = try await self.fixture.logEntry(of: "stream")
            #expect(entry.outcome == .refused && entry.status == 200 && entry.bytesOut == 100_000)
        }
    }

    /// LiteLLM CVE-2026-12796: what was open under the old login went on after a new one.
    @Test(arguments: Loss.allCases)
    func litellmCVE_2026_12796_openStreamsEndWithTheRightToThem(_ loss: Loss) async throws {
        let half = try await HalfSent()
        try await half.fixture.live { port in
            let client = try await half.client(port)
            try await loss.befall(half.key.stored.id, in: half.fixture.gateway.keys)
            try await half.expectCut(client)
        }
    }

    @Test(arguments: Loss.allCases)
    func openStreamsEndAlsoWhenAnotherProcessDecides(_ loss: Loss) async throws {
        let half = try await HalfSent()
        let keys = half.fixture.gateway.keys
        let following = Task { try await keys.run() }
        defer { following.cancel() }
        try await half.fixture.live { port in
            let client = try await half.client(port)
            try await loss.befall(half.key.stored.id, in: half.fixture.stored.otherProcess())
            // No request comes that could make the gateway look.
            try await half.expectCut(client)
        }
    }

    @Test func anOldSecretsStreamEndsWithItsGrace() async throws {
        let half = try await HalfSent()
        let keys = half.fixture.gateway.keys
        let following = Task { try await keys.run() }
        defer { following.cancel() }
        try await half.fixture.live { port in
            let client = try await half.client(port)
            _ = try await keys.rotate(half.key.stored.id, grace: .seconds(30)).get()
            try await keys.follow(at: half.fixture.time.now)
            #expect(!client.isClosed)
            half.fixture.time.advance(30)
            try await half.expectCut(client)
        }
    }

    @Test func whatIsStillAllowedGoesOn() async throws {
        let settings = KeySettings(name: "a test", scopes: [.read, .delete])
        let half = try await HalfSent(settings)
        let keys = half.fixture.gateway.keys
        try await half.fixture.live { port in
            let client = try await half.client(port)
            var change = KeyChange()
            change.name = "another"
            change.scopes = [.read]
            change.providers = Set([ProviderID("alpha")].compactMap { $0 })
            change.sessions = [SessionGlob("s?")].compactMap { $0 }
            change.expiresAt = half.fixture.time.now + 60
            _ = try await keys.change(half.key.stored.id, change).get()
            _ = try await keys.rotate(half.key.stored.id, grace: .seconds(600)).get()
            _ = try await keys.revoke(try await keys.create(settings).stored.id)
            // The key's own end is no revocation: what began before may end.
            half.fixture.time.advance(61)
            try await keys.follow(at: half.fixture.time.now)
            #expect(try await keys.authenticate(half.key.key.secret.reveal()) == nil)
            half.gate.open()
            try await eventually("the body is whole") { client.answer.isWhole }
            #expect(try await half.fixture.logEntry(of: "stream").outcome == .complete)
            await client.close()
        }
    }

    @Test func aCutStreamFreesItsPlace() async throws {
        let half = try await HalfSent(KeySettings(name: "one", scopes: [.read], limits: RateLimitPolicy(concurrent: 1)))
        try await half.fixture.live { port in
            let client = try await half.client(port)
            try await Loss.session.befall(half.key.stored.id, in: half.fixture.gateway.keys)
            try await half.expectCut(client)
            let next = try await RawClient.connect(port)
            try await next.send(half.request("/v1/providers", "next"))
            try await eventually("the next request is answered") { next.answer.isHeadComplete }
            #expect(next.answer.status == 200)
            await next.close()
        }
    }

    @Test func aClientThatReadsNothingIsCutToo() async throws {
        let provider = try FakeProvider("alpha")
        let size = 64 * 1024 * 1024
        let download = provider.add("x", size: .some(Int64(size)))
        let body = FakeBody(Data(count: size), piece: 64 * 1024)
        provider.script { $0.content = { _, _ in Content(length: Int64(size), body: body.body) } }
        let fixture = try await GatewayFixture([provider])
        let key = try await fixture.gateway.keys.create(KeySettings(name: "slow", scopes: [.read]))
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.stopReading()
            let fields = "X-API-Key: \(key.key.secret.reveal())\r\nX-Request-Id: slow"
            try await client.send("GET \(fixture.path(of: download)) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n\r\n")
            try await eventually("the body began") { body.pulled > 0 }
            _ = try await fixture.gateway.keys.revoke(key.stored.id)
            #expect(try await fixture.logEntry(of: "slow").outcome == .refused)
            #expect(body.pulled < size / 4)
            await client.close()
        }
    }

    @Test func aStreamThatBeginsTooLateIsCutAtOnce() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(KeySettings(name: "a", scopes: [.read]))
        let caller = try #require(try await ring.authenticate(new.key.secret.reveal()))
        _ = try await ring.revoke(new.stored.id)
        let cuts = Mutex(0)
        let end = ring.register(caller, needs: { $0.may(.read) }, cut: { cuts.withLock { $0 += 1 } })
        #expect(cuts.withLock { $0 } == 1)
        try await ring.follow(at: fixture.time.now)
        end()
        #expect(cuts.withLock { $0 } == 1)
    }

    @Test func aStreamThatEndedIsNotCut() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring(adminKey: "the-admin-key-of-this-test")
        let new = try await ring.create(KeySettings(name: "a", scopes: [.read]))
        let admin = try #require(try await ring.authenticate("the-admin-key-of-this-test"))
        let caller = try #require(try await ring.authenticate(new.key.secret.reveal()))
        let cuts = Mutex(0)
        let endings = [caller, admin].map {
            ring.register($0, needs: { $0.may(.read) }, cut: { cuts.withLock { $0 += 1 } })
        }
        endings[0]()
        _ = try await ring.revoke(new.stored.id)
        #expect(cuts.withLock { $0 } == 0)
        endings[1]()
    }

    private final class Flag: Sendable { let isSet = Mutex(false) }

    @Test func noRequestThatBeginsAfterTheRevokingAnswerIsAdmitted() async throws {
        let fixture = try await GatewayFixture([])
        for _ in 0..<10 {
            let new = try await fixture.gateway.keys.create(KeySettings(name: "r", scopes: [.read]))
            let key = new.key.secret.reveal()
            let isRevoked = Flag()
            let late = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        var late: [Int] = []
                        while late.count < 10 {
                            let beganLate = isRevoked.isSet.withLock { $0 }
                            let status = try await fixture.send(.get, "/v1/providers", key: key).status.code
                            if beganLate { late.append(status) }
                        }
                        return late
                    }
                }
                group.addTask {
                    let answer = try await fixture.send(.delete, "/v1/keys/\(new.stored.id)")
                    isRevoked.isSet.withLock { $0 = true }
                    #expect(answer.status == .noContent)
                    return []
                }
                return try await group.reduce([], +)
            }
            #expect(late == Array(repeating: 401, count: 160))
        }
    }
}
