// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import GRDB
import Testing

@testable import Gateway

@Suite struct LogChainTests {
    /// Ten entries in three transactions.
    private func filled() async throws -> StoreFixture {
        let fixture = try StoreFixture()
        for batch in [0..<4, 4..<5, 5..<10] { try await fixture.write(batch.map { fixture.entry("r\($0)") }) }
        return fixture
    }

    private func faults(_ fixture: StoreFixture) async throws -> [LogVerification.Fault] {
        try await fixture.journal.verify().faults
    }

    @Test func whatTheGatewayWroteIsSound() async throws {
        let fixture = try StoreFixture()
        let empty = try await fixture.journal.verify()
        #expect(empty.isSound && empty.entries == 0 && empty.range == nil)
        try await fixture.write((1...10).map { fixture.entry("r\($0)") })
        let result = try await fixture.journal.verify()
        #expect(result.isSound && result.entries == 10 && result.unchained == 0)
        #expect(result.range?.first == "log_1" && result.range?.last == "log_10")
        // Every entry has its own hash, also where all else is the same.
        let hashes = try await LogStore(fixture.store).page(LogQuery()).entries.map(\.hash)
        #expect(Set(hashes).count == 10)
    }

    @Test func theHashIsOverEveryColumn() async throws {
        let fixture = try StoreFixture()
        let columns = try await fixture.store.logs.read { try $0.columns(in: "log").map(\.name) }
        #expect(columns == LogRecord.columns + ["hash"])
    }

    @Test(arguments: LogRecord.columns.dropFirst() + ["hash"])
    func aChangedColumnIsFound(_ column: String) async throws {
        let fixture = try await self.filled()
        let isNumber = ["time", "status", "bytesIn", "bytesOut", "durationMs"].contains(column)
        let value = isNumber ? "\(column) + 1" : column == "hash" ? "zeroblob(32)" : "\(column) || 'x'"
        try await fixture.tamper("UPDATE log SET \(column) = \(value) WHERE id = 6")
        let faults = try await self.faults(fixture)
        // A hash that was changed is wrong for the next entry too.
        #expect(faults == (column == "hash" ? [.changed(6), .misplaced(7)] : [.changed(6)]))
        #expect(faults.first?.description == "log_6 was changed.")
    }

    @Test(arguments: [
        "keyId", "caller", "route", "code", "provider", "sessionId", "downloadId", "timings", "address", "userAgent",
    ])
    func anEmptiedColumnIsFound(_ column: String) async throws {
        let fixture = try await self.filled()
        try await fixture.tamper("UPDATE log SET \(column) = NULL WHERE id = 10")
        #expect(try await self.faults(fixture) == [.changed(10)])
        try await fixture.tamper("UPDATE log SET \(column) = '' WHERE id = 10")
        #expect(try await self.faults(fixture) == [.changed(10)])
    }

    @Test func textCannotMoveFromOneColumnToTheNext() async throws {
        let fixture = try await self.filled()
        try await fixture.tamper("UPDATE log SET address = '192.0.2.1curl', userAgent = '/8' WHERE id = 3")
        #expect(try await self.faults(fixture) == [.changed(3)])
    }

    @Test(arguments: [
        ("id = 5", [LogVerification.Fault.missing(5...5), .misplaced(6)]),
        ("id BETWEEN 4 AND 6", [.missing(4...6), .misplaced(7)]),
        ("id = 1", [.missing(1...1), .misplaced(2)]),
        ("id = 10", [.missing(10...10)]),
        ("id >= 8", [.missing(8...10)]),
        ("1", [.missing(1...10)]),
    ])
    func removedEntriesAreNamed(_ which: String, _ expected: [LogVerification.Fault]) async throws {
        let fixture = try await self.filled()
        try await fixture.tamper("DELETE FROM log WHERE \(which)")
        #expect(try await self.faults(fixture) == expected)
        // To go on writing hides nothing.
        try await fixture.write([fixture.entry("next")])
        #expect(try await self.faults(fixture).first == expected.first)
    }

    @Test func swappedEntriesAreNamed() async throws {
        let fixture = try await self.filled()
        try await fixture.tamper(
            "UPDATE log SET id = -1 WHERE id = 4; UPDATE log SET id = 4 WHERE id = 5; UPDATE log SET id = 5 WHERE id = -1"
        )
        #expect(try await self.faults(fixture) == [.changed(4), .misplaced(5), .misplaced(6)])
    }

    @Test func anInsertedEntryIsNamed() async throws {
        let fixture = try await self.filled()
        // The later ones make room, from the newest down.
        for id in (6...10).reversed() { try await fixture.tamper("UPDATE log SET id = \(id + 1) WHERE id = \(id)") }
        let columns = (LogRecord.columns.dropFirst() + ["hash"]).joined(separator: ", ")
        try await fixture.tamper("INSERT INTO log (id, \(columns)) SELECT 6, \(columns) FROM log WHERE id = 5")
        let faults = try await self.faults(fixture)
        #expect(faults.first == .changed(6) && faults.last == .foreign(11) && faults.count == 6)
    }

    @Test func anAppendedEntryIsNamedAlsoAfterMoreWasWritten() async throws {
        let fixture = try await self.filled()
        let columns = LogRecord.columns.dropFirst().joined(separator: ", ")
        try await fixture.tamper("INSERT INTO log (\(columns)) SELECT \(columns) FROM log WHERE id = 5")
        #expect(try await self.faults(fixture) == [.foreign(11)])
        try await fixture.write([fixture.entry("next")])
        #expect(try await self.faults(fixture) == [.changed(11)])
        #expect(try await fixture.ids().last == 12)
    }

    @Test func renumberedEntriesAreFound() async throws {
        let fixture = try await self.filled()
        try await fixture.tamper("DELETE FROM log WHERE id = 5")
        for id in 6...10 { try await fixture.tamper("UPDATE log SET id = \(id - 1) WHERE id = \(id)") }
        let faults = try await self.faults(fixture)
        #expect(faults.first == .changed(5) && faults.last == .missing(10...10))
    }

    @Test func anotherKeyFitsNothing() async throws {
        let fixture = try await self.filled()
        let other = LogJournal(fixture.store, masterSecret: SymmetricKey(data: Data(repeating: 8, count: 32)))
        #expect(try await other.verify().faults == [.key])
        #expect(try await self.faults(fixture) == [])
    }

    @Test(arguments: [
        "UPDATE log_chain SET anchorId = 3", "UPDATE log_chain SET headHash = zeroblob(32)",
        "UPDATE log_chain SET seal = zeroblob(32)", "UPDATE log_chain SET headId = 'x'", "DELETE FROM log_chain",
        "DELETE FROM log WHERE id > 8; UPDATE log_chain SET headId = 8, headHash = (SELECT hash FROM log WHERE id = 8)",
    ])
    func aChangedRecordIsFoundAndWritingOnHidesNothing(_ sql: String) async throws {
        let fixture = try await self.filled()
        try await fixture.tamper(sql)
        #expect(try await self.faults(fixture).contains(.record))
        try await fixture.write([fixture.entry("next")])
        let last = try #require(try await fixture.ids().last)
        #expect(try await self.faults(fixture) == [.broken(last - 1, at: fixture.time.now)])
        try await fixture.write([fixture.entry("and another")])
        try await fixture.tamper("UPDATE log SET path = '/' WHERE id = \(last + 1)")
        #expect(try await self.faults(fixture).contains(.changed(last + 1)))
    }

    @Test func faultsAreCountedAndTheFirstHundredNamed() async throws {
        let fixture = try StoreFixture()
        try await fixture.write((1...300).map { fixture.entry("r\($0)") })
        try await fixture.tamper("UPDATE log SET status = 500 WHERE id > 50")
        let result = try await fixture.journal.verify()
        #expect(result.faultCount == 250 && result.faults.count == 100)
    }

    @Test func whatIsOlderThanTheChainIsLeftAlone() async throws {
        let fixture = try StoreFixture()
        let columns = LogRecord.columns.dropFirst().joined(separator: ", ")
        for number in 0..<3 {
            try await fixture.tamper(
                """
                INSERT INTO log (\(columns)) VALUES (\(number), 'old', NULL, NULL, 'GET', NULL, '/', 200, NULL, 'complete',
                    NULL, NULL, NULL, 0, 0, 1.5, NULL, NULL, NULL)
                """
            )
        }
        #expect(try await fixture.journal.verify().isSound)
        try await fixture.write([fixture.entry("r1"), fixture.entry("r2")])
        let result = try await fixture.journal.verify()
        #expect(result.isSound && result.unchained == 3 && result.entries == 2)
        #expect(result.range?.first == "log_4" && result.range?.last == "log_5")
        try await fixture.tamper("UPDATE log SET hash = NULL WHERE id = 4")
        #expect(try await self.faults(fixture).first == .changed(4))
    }

    @Test func valuesThatSQLiteStoresOtherwiseAreSound() async throws {
        let fixture = try StoreFixture()
        var entry = fixture.entry("zero\u{0}byte")
        entry.keyId = "jwt:1:a\u{0}b"
        entry.route = "\u{0}"
        entry.provider = "é\u{FFFD}"
        entry.durationMs = -0.0
        var other = fixture.entry("")
        (other.durationMs, other.bytesOut, other.timings.auth) = (.nan, .max, .infinity)
        try await fixture.write([entry, other])
        #expect(try await self.faults(fixture) == [])
    }

    /// Of two processes, as in an upgrade, each goes on from where the other one ended.
    @Test func twoWritersKeepOneChain() async throws {
        let fixture = try StoreFixture()
        let other = try Store(directory: fixture.folder.path)
        let journals = [fixture.journal, LogJournal(other, masterSecret: fixture.secret)]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, journal) in journals.enumerated() {
                group.addTask {
                    for batch in 0..<20 {
                        let entries = (0..<5).map { fixture.entry("w\(number)-\(batch)-\($0)") }
                        try await fixture.write(entries, by: journal)
                    }
                }
            }
            try await group.waitForAll()
        }
        let result = try await journals[1].verify()
        #expect(result.isSound && result.entries == 200 && result.range?.last == "log_200")
        try other.close()
    }
}
