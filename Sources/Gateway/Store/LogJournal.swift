// SPDX-License-Identifier: Apache-2.0

public import Crypto
public import Foundation
import GRDB

/// The log as it is written: chained, counted for ``UsageStore``, and dropped when it is old.
///
/// Several processes may write one log: each transaction goes on from where the last one of anybody ended.
public struct LogJournal: Sendable {
    private let pool: DatabasePool
    private let chain: LogChain
    private let clock: @Sendable () -> Date

    /// Entries of one step of dropping: what a writer waits for at most.
    static let step = 500

    /// The log in `store`, chained under a key made from `masterSecret`.
    public init(_ store: Store, masterSecret: SymmetricKey, clock: @escaping @Sendable () -> Date = { Date() }) {
        self.pool = store.logs
        self.chain = LogChain(masterSecret: masterSecret)
        self.clock = clock
    }

    /// Follows the chain from end to end, in bounded memory, as it is at one moment; nobody who writes waits for it.
    public func verify() async throws(StoreError) -> LogVerification {
        let chain = self.chain
        return try await self.perform { pool in
            try await pool.read { try LogVerification($0, chain) }
        }
    }

    /// Writes what `take` gives, all or nothing; hands it to `putBack` where that fails.
    ///
    /// `take` is called when it is this write's turn: after every write that was asked for before. Answers the number of
    /// the newest entry, or `nil` where there was nothing to write.
    func append(
        taking take: @escaping @Sendable () -> [LogEntry],
        orReturning putBack: @escaping @Sendable ([LogEntry]) -> Void
    ) async throws(StoreError) -> Int64? {
        try await self.perform { pool in
            try await pool.writeWithoutTransaction { database in
                let entries = take()
                guard !entries.isEmpty else { return nil }
                do {
                    var newest: Int64 = 0
                    // Immediate: nobody else may write between the reading of the chain's end and the writing of a new one.
                    try database.inTransaction(.immediate) {
                        newest = try self.write(entries, to: database)
                        return .commit
                    }
                    return newest
                } catch {
                    putBack(entries)
                    throw error
                }
            }
        }
    }

    private func write(_ entries: [LogEntry], to database: Database) throws -> Int64 {
        var record = try LogChainRecord.open(database, self.chain, now: self.clock().milliseconds)
        var rollup = UsageRollup()
        // What another hand added behind the end keeps its number, and is found by it.
        let last = try Int64.fetchOne(try database.cachedStatement(sql: "SELECT max(id) FROM log")) ?? 0
        var id = max(record.head.id, last)
        guard id < Int64.max - Int64(entries.count) else { throw DatabaseError(resultCode: .SQLITE_FULL) }
        for entry in entries {
            id += 1
            let hash = try LogRecord.insert(entry, id: id, after: record.head.hash, self.chain, into: database)
            record.head = LogChainRecord.Link(id: id, hash: hash)
            rollup.add(entry, id: id)
        }
        try rollup.write(to: database)
        try record.save(database, self.chain)
        return id
    }

    // MARK: Retention

    /// Drops the entries and the usage of all UTC days that ended more than `age` ago, the oldest first.
    ///
    /// In transactions of at most 500 rows; `pause` is called between them, and others write meanwhile.
    func prune(olderThan age: Duration, pause: @Sendable () async throws -> Void) async throws(StoreError) {
        let now = self.clock()
        let boundary = now.addingTimeInterval(-Double(age.components.seconds)).milliseconds
        while try await self.dropStep(before: UsageSpan.day.start(of: boundary), now: now.milliseconds) {
            do { try await pause() } catch { return }
        }
    }

    /// One step; whether there may be more to drop.
    func dropStep(before boundary: Int64, now: Int64) async throws(StoreError) -> Bool {
        try await self.perform { pool in
            try await pool.write { database in
                let dropped = try self.dropEntries(before: boundary, now: now, from: database)
                return try dropped || UsageRollup.drop(before: boundary, atMost: Self.step, from: database)
            }
        }
    }

    /// Drops a piece of the chain's old end, and remembers what the rest follows; whether there was any.
    private func dropEntries(before boundary: Int64, now: Int64, from database: Database) throws -> Bool {
        let rows = try Row.fetchAll(database, sql: LogChainWalk.rows + " LIMIT \(Self.step)")
        guard let cut = Self.cut(rows, boundary: boundary, now: now) else { return false }
        var record = try LogChainRecord.open(database, self.chain, now: now)
        var walk = LogChainWalk(self.chain, from: record)
        for row in rows.prefix(cut.count) { walk.visit(row) }
        if record.brokenAt ?? .max < boundary { (record.brokenId, record.brokenAt) = (nil, nil) }
        // What is dropped can be checked never again, so that a fault in it is noted.
        if walk.faultCount > 0 { (record.brokenId, record.brokenAt) = (cut.id, now) }
        if cut.id > record.anchor.id { record.anchor = LogChainRecord.Link(id: cut.id, hash: walk.previous.hash) }
        if cut.id > record.head.id { record.head = record.anchor }
        try database.execute(sql: "DELETE FROM log WHERE id <= ?", arguments: [cut.id])
        try database.execute(sql: "DELETE FROM log_hour WHERE maxId <= ?", arguments: [cut.id])
        try record.save(database, self.chain)
        return true
    }

    /// The last of `rows` that is old and has no young one in front of it: a chain is cut at its end only.
    ///
    /// A time in the future, of a clock that went wrong, makes a row neither.
    private static func cut(_ rows: [Row], boundary: Int64, now: Int64) -> (id: Int64, count: Int)? {
        var cut: (id: Int64, count: Int)?
        for (index, row) in rows.enumerated() {
            let time = Int64.fromDatabaseValue(row[1]) ?? 0
            if time < boundary {
                cut = (Int64.fromDatabaseValue(row[0]) ?? 0, index + 1)
            } else if time <= now {
                break
            }
        }
        return cut
    }

    private func perform<Value: Sendable>(
        _ body: (DatabasePool) async throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await body(self.pool)
        } catch {
            throw StoreError(error, path: self.pool.path)
        }
    }
}
