// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Logging
import Synchronization
import Testing

@testable import Gateway

@Suite struct LogRetentionTests {
    private static let day = 86_400.0
    /// 2027-01-15T08:00:00Z, as the clock of the tests.
    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    /// As many entries on each of some days.
    private func filled(days: Int, entries: Int) async throws -> StoreFixture {
        let fixture = try StoreFixture()
        for day in 0..<days {
            let time = self.start + Double(day) * Self.day
            try await fixture.write((0..<entries).map { fixture.entry("d\(day)-\($0)", at: time + Double($0)) })
        }
        fixture.time.advance(Double(days - 1) * Self.day + 3600)
        return fixture
    }

    private func days(_ fixture: StoreFixture) async throws -> Set<Substring> {
        let ids = try await fixture.store.logs.read { try String.fetchAll($0, sql: "SELECT requestId FROM log") }
        return Set(ids.map { $0.prefix { $0 != "-" } })
    }

    @Test func dropsDaysThatEndedLongEnoughAgo() async throws {
        let fixture = try await self.filled(days: 5, entries: 3)
        // Two days before 09:00 on the fifth is 09:00 on the third: the second ended before, the third did not.
        try await fixture.journal.prune(olderThan: .seconds(2 * Self.day)) {}
        #expect(try await self.days(fixture) == ["d2", "d3", "d4"])
        let result = try await fixture.journal.verify()
        #expect(result.isSound && result.entries == 9 && result.range?.first == "log_7")
        // Usage and the places of hours go with them.
        let usage = try await UsageStore(fixture.store).rows(UsageQuery(groupBy: [.day]))
        #expect(usage?.map(\.requests) == [3, 3, 3])
        let hours = try await fixture.store.logs.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM log_hour") }
        #expect(hours == 3)
    }

    @Test func dropsEverythingAndGivesNoNumberAgain() async throws {
        let fixture = try await self.filled(days: 2, entries: 2)
        fixture.time.advance(10 * Self.day)
        try await fixture.journal.prune(olderThan: .seconds(Self.day)) {}
        #expect(try await fixture.ids() == [])
        #expect(try await fixture.journal.verify().isSound)
        try await fixture.write([fixture.entry("new")])
        #expect(try await fixture.ids() == [5])
        #expect(try await fixture.journal.verify().isSound)
    }

    @Test func theChainIsSoundAfterEveryStepAndOthersWriteBetween() async throws {
        let fixture = try await self.filled(days: 3, entries: LogJournal.step + 500)
        let steps = Mutex(0)
        try await fixture.journal.prune(olderThan: .seconds(Self.day)) {
            let step = steps.withLock { count in
                count += 1
                return count
            }
            #expect(try await fixture.journal.verify().isSound)
            try await fixture.write([fixture.entry("between-\(step)")])
        }
        // One day of more than a step, and one step for the usage.
        #expect(steps.withLock { $0 } >= 2)
        #expect(try await self.days(fixture) == ["d1", "d2", "between"])
        #expect(try await fixture.journal.verify().isSound)
    }

    @Test func aStepIsBounded() async throws {
        let fixture = try await self.filled(days: 1, entries: LogJournal.step + 1)
        let later = (self.start + 10 * Self.day).milliseconds
        #expect(try await fixture.journal.dropStep(before: later, now: later))
        #expect(try await fixture.ids().count == 1)
        #expect(try await fixture.journal.dropStep(before: later, now: later))
        #expect(try await fixture.ids() == [])
        #expect(try await fixture.journal.dropStep(before: later, now: later) == false)
    }

    /// A writer that has something to write does not wait for the whole of a pruning.
    @Test func aBatchGoesThroughWhilePruning() async throws {
        let fixture = try await self.filled(days: 2, entries: LogJournal.step + 200)
        fixture.time.advance(10 * Self.day)
        let inPause = Gate()
        let goOn = Gate()
        let pruning = Task {
            try await fixture.journal.prune(olderThan: .seconds(Self.day)) {
                inPause.open()
                try await goOn.wait()
            }
        }
        try await inPause.wait()
        let writer = LogWriter(
            journal: fixture.journal,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        writer.record(fixture.entry("new"))
        await writer.flush()
        #expect(try await self.days(fixture).contains("new"))
        goOn.open()
        try await pruning.value
        #expect(try await self.days(fixture) == ["new"])
        #expect(try await fixture.journal.verify().isSound)
    }

    /// A request of long ago that ended late waits for those in front of it; a clock that ran ahead stops nothing.
    @Test func dropsFromTheOldEndOnly() async throws {
        let fixture = try StoreFixture()
        let now = self.start + 10 * Self.day
        let times = [self.start, now + 900 * Self.day, self.start, now, self.start]
        try await fixture.write(times.enumerated().map { fixture.entry("d\($0)", at: $1) })
        fixture.time.advance(10 * Self.day)
        try await fixture.journal.prune(olderThan: .seconds(Self.day)) {}
        #expect(try await fixture.ids() == [4, 5])
        #expect(try await fixture.journal.verify().isSound)
    }

    @Test func nothingIsYoungWhenTheClockIsBack() async throws {
        let fixture = try await self.filled(days: 1, entries: 3)
        fixture.time.advance(-1000 * Self.day)
        try await fixture.journal.prune(olderThan: .seconds(Self.day)) {}
        #expect(try await fixture.ids() == [1, 2, 3])
    }

    /// Who makes entries look old has the gateway itself remove them; it leaves a mark.
    @Test func droppingWhatWasChangedIsNoted() async throws {
        let fixture = try await self.filled(days: 1, entries: 5)
        try await fixture.tamper("UPDATE log SET time = 0 WHERE id <= 3")
        try await fixture.journal.prune(olderThan: .seconds(Self.day)) {}
        #expect(try await fixture.ids() == [4, 5])
        #expect(try await fixture.journal.verify().faults == [.broken(3, at: fixture.time.now)])
    }

    @Test func dropsWhatIsOlderThanTheChain() async throws {
        let fixture = try StoreFixture()
        let columns = LogRecord.columns.dropFirst().joined(separator: ", ")
        try await fixture.tamper(
            """
            INSERT INTO log (\(columns)) VALUES (0, 'old', NULL, NULL, 'GET', NULL, '/', 200, NULL, 'complete',
                NULL, NULL, NULL, 0, 0, 1.5, NULL, NULL, NULL)
            """
        )
        try await fixture.write([fixture.entry("new")])
        try await fixture.journal.prune(olderThan: .seconds(Self.day)) {}
        #expect(try await fixture.ids() == [2])
        #expect(try await fixture.journal.verify().isSound)
    }
}
