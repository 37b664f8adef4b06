// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Logging
import ServiceLifecycle
import Testing

@testable import Gateway

@Suite struct LimitKeeperTests {
    private static let policy = RateLimitPolicy(requests: RequestRate(10, per: .hour), bytesPerDay: 1000)

    /// As a process that starts on the store: its monotonic clock has nothing to do with the last one's.
    private func keeper(_ stored: StoreFixture, capacity: Int = 100) async throws -> LimitKeeper {
        let time = stored.time
        let (start, origin) = (time.now, ContinuousClock.now.advanced(by: .seconds(Int.random(in: 0...1000))))
        let keeper = LimitKeeper(
            limiter: RateLimiter(capacity: capacity),
            table: LimitAccountTable(stored.store),
            now: {
                let now = time.now
                return LimitMoment(instant: origin.advanced(by: .seconds(now.timeIntervalSince(start))), date: now)
            },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await keeper.load()
        return keeper
    }

    private func admitted(_ keeper: LimitKeeper, _ id: String = "a") -> Int {
        var count = 0
        while keeper.limiter.admit(id, Self.policy, now: keeper.now()).isAllowed { count += 1 }
        return count
    }

    private func send(_ keeper: LimitKeeper, _ bytes: Int64, of id: String = "a") -> Bool {
        guard let body = keeper.limiter.begin(id, length: bytes, Self.policy, now: keeper.now()) else { return false }
        _ = keeper.limiter.turn(id, of: body, wanting: Int(bytes), now: keeper.now())
        keeper.limiter.end(id, body, sent: bytes)
        return true
    }

    @Test func countsGoOnAfterARestart() async throws {
        let stored = try StoreFixture()
        let first = try await self.keeper(stored)
        #expect(self.admitted(first) == 10)
        #expect(self.send(first, 900))
        await first.flush()
        let second = try await self.keeper(stored)
        #expect(self.admitted(second) == 0)
        #expect(!self.send(second, 101) && self.send(second, 50))
        await second.flush()
        // The time in which nothing ran counts too.
        stored.time.advance(1081)
        let third = try await self.keeper(stored)
        #expect(self.admitted(third) == 3)
        #expect(!self.send(third, 51) && self.send(third, 50))
    }

    @Test func aCrashLosesAtMostWhatCameAfterTheLastWrite() async throws {
        let stored = try StoreFixture()
        let first = try await self.keeper(stored)
        for _ in 0..<4 { #expect(first.limiter.admit("a", Self.policy, now: first.now()).isAllowed) }
        // Half of this body was sent; the promise for the rest ends with the process.
        let body = try #require(first.limiter.begin("a", length: 600, Self.policy, now: first.now()))
        _ = first.limiter.turn("a", of: body, wanting: 300, now: first.now())
        await first.flush()
        for _ in 0..<2 { #expect(first.limiter.admit("a", Self.policy, now: first.now()).isAllowed) }
        _ = first.limiter.turn("a", of: body, wanting: 100, now: first.now())
        let second = try await self.keeper(stored)
        #expect(self.admitted(second) == 6)
        #expect(!self.send(second, 701) && self.send(second, 700))
    }

    @Test func aClockSetBackFillsNothing() async throws {
        let stored = try StoreFixture()
        let first = try await self.keeper(stored)
        #expect(self.admitted(first) == 10)
        await first.flush()
        stored.time.advance(-50_000)
        #expect(self.admitted(try await self.keeper(stored)) == 0)
    }

    @Test func whoIsIdleLeavesTheTable() async throws {
        let stored = try StoreFixture()
        let first = try await self.keeper(stored)
        _ = self.admitted(first, "a")
        #expect(self.send(first, 5, of: "b"))
        await first.flush()
        #expect(try await first.table.all().map(\.caller).sorted() == ["a", "b"])
        stored.time.advance(3600)
        first.limiter.forgetIdle(now: first.now())
        await first.flush()
        #expect(try await first.table.all().map(\.caller) == ["b"])
        #expect(first.limiter.accountCount == 1)
        // Also where nobody looked while it ran.
        stored.time.advance(86_400)
        let second = try await self.keeper(stored)
        #expect(second.limiter.accountCount == 0)
        await second.flush()
        #expect(try await second.table.all().isEmpty)
    }

    @Test func whatCannotBeWrittenWaits() async throws {
        let stored = try StoreFixture()
        let first = try await self.keeper(stored)
        #expect(self.admitted(first) == 10)
        try await stored.store.write { try $0.execute(sql: "ALTER TABLE limit_account RENAME TO away") }
        await first.flush()
        try await stored.store.write { try $0.execute(sql: "ALTER TABLE away RENAME TO limit_account") }
        #expect(try await first.table.all().isEmpty)
        await first.flush()
        #expect(self.admitted(try await self.keeper(stored)) == 0)
    }

    @Test func aCleanStopWritesEverything() async throws {
        let stored = try StoreFixture()
        let first = try await self.keeper(stored)
        for number in 0..<3000 { _ = self.admitted(first, "caller \(number)") }
        let group = ServiceGroup(services: [first], logger: first.logger)
        async let running: Void = group.run()
        await group.triggerGracefulShutdown()
        try await running
        #expect(try await first.table.all().count == 100)
    }

    @Test func manyAccountsAreWritten() async throws {
        let stored = try StoreFixture()
        let first = try await self.keeper(stored, capacity: 5000)
        for number in 0..<3000 {
            #expect(first.limiter.admit("jwt:1:\(number)", Self.policy, now: first.now()).isAllowed)
        }
        await first.flush()
        #expect(try await first.table.all().count == 3000)
        let second = try await self.keeper(stored, capacity: 5000)
        #expect(self.admitted(second, "jwt:1:2999") == 9)
    }
}
