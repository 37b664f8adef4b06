// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// Counts entries that are being written, by hour and by day, and adds that to `usage` in the same transaction.
struct UsageRollup {
    private struct Slot: Hashable {
        let span: UsageSpan
        let start: Int64
        let keyId: String
        let provider: String
    }

    private var tallies: [Slot: UsageTally] = [:]
    /// In which numbers the entries of an hour lie.
    private var hours: [Int64: ClosedRange<Int64>] = [:]

    /// Counts an entry.
    mutating func add(_ entry: LogEntry, id: Int64) {
        let time = entry.time.milliseconds
        for span in [UsageSpan.hour, .day] {
            let slot = Slot(
                span: span,
                start: span.start(of: time),
                keyId: entry.keyId ?? "",
                provider: entry.provider ?? ""
            )
            self.tallies[slot, default: UsageTally()].add(entry)
        }
        let hour = UsageSpan.hour.start(of: time)
        let known = self.hours[hour] ?? id...id
        self.hours[hour] = min(known.lowerBound, id)...max(known.upperBound, id)
    }

    /// Adds what was counted.
    func write(to database: Database) throws {
        let find = try database.cachedStatement(
            sql: """
                SELECT \(UsageTally.columns) FROM usage WHERE span = ? AND start = ? AND keyId = ? AND provider = ?
                """
        )
        let put = try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO usage (span, start, keyId, provider, \(UsageTally.columns))
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        for (slot, tally) in self.tallies {
            let place = [
                slot.span.rawValue.databaseValue, slot.start.databaseValue, slot.keyId.databaseValue,
                slot.provider.databaseValue,
            ]
            var sum = try Row.fetchOne(find, arguments: StatementArguments(place)).map(UsageTally.init) ?? UsageTally()
            sum.merge(tally)
            try put.execute(arguments: StatementArguments(place + sum.values))
        }
        let widen = try database.cachedStatement(
            sql: """
                INSERT INTO log_hour (hour, minId, maxId) VALUES (?, ?, ?)
                ON CONFLICT (hour) DO UPDATE SET minId = min(minId, excluded.minId), maxId = max(maxId, excluded.maxId)
                """
        )
        for (hour, ids) in self.hours { try widen.execute(arguments: [hour, ids.lowerBound, ids.upperBound]) }
    }

    /// Drops at most `count` rows about times before `boundary`; whether there were so many.
    static func drop(before boundary: Int64, atMost count: Int, from database: Database) throws -> Bool {
        let sql = """
            DELETE FROM usage WHERE (span, start, keyId, provider) IN
                (SELECT span, start, keyId, provider FROM usage WHERE span = ? AND start < ? LIMIT ?)
            """
        for span in [UsageSpan.hour, .day] {
            try database.execute(sql: sql, arguments: [span.rawValue, boundary, count])
            if database.changesCount == count { return true }
        }
        return false
    }
}
