// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// The row of `log_chain`: the two ends of the chain, sealed, so that rows missing at either end are found as well.
struct LogChainRecord: Equatable, Sendable {
    /// An entry by its number and hash.
    struct Link: Equatable, Sendable {
        var id: Int64
        var hash: Data
    }

    /// Entries up to this one were written before there was a chain.
    let startId: Int64
    /// What the oldest entry follows: the last one that retention dropped, or the start.
    var anchor: Link
    /// The newest entry.
    var head: Link
    /// Up to this entry the gateway itself found the chain broken, when it wrote or dropped entries.
    var brokenId: Int64?
    /// When it found that, in milliseconds since 1970.
    var brokenAt: Int64?

    private var values: [DatabaseValue] {
        [
            self.startId.databaseValue, self.anchor.id.databaseValue, self.anchor.hash.databaseValue,
            self.head.id.databaseValue, self.head.hash.databaseValue, self.brokenId?.databaseValue ?? .null,
            self.brokenAt?.databaseValue ?? .null,
        ]
    }

    /// The record as it is stored, and whether its seal is right; `nil` where there is none.
    static func read(_ database: Database, _ chain: LogChain) throws -> (record: LogChainRecord, isSealed: Bool)? {
        let sql = """
            SELECT startId, anchorId, anchorHash, headId, headHash, brokenId, brokenAt, seal FROM log_chain WHERE id = 1
            """
        guard let row = try Row.fetchOne(try database.cachedStatement(sql: sql)) else { return nil }
        // Somebody else may have written anything: what cannot be read counts as nothing, and fits no seal.
        func number(_ index: Int) -> Int64? { Int64.fromDatabaseValue(row[index]) }
        func bytes(_ index: Int) -> Data { Data.fromDatabaseValue(row[index]) ?? Data() }
        let record = LogChainRecord(
            startId: number(0) ?? 0,
            anchor: Link(id: number(1) ?? 0, hash: bytes(2)),
            head: Link(id: number(3) ?? 0, hash: bytes(4)),
            brokenId: number(5),
            brokenAt: number(6)
        )
        return (record, chain.seal(of: record.values) == bytes(7))
    }

    /// The record to go on from, in a transaction that will write.
    ///
    /// Where the stored one does not fit its seal, or is gone, the chain begins anew behind the newest entry, and says so for
    /// good: to go on as if nothing were would hide what somebody did.
    static func open(_ database: Database, _ chain: LogChain, now: Int64) throws -> LogChainRecord {
        let stored = try Self.read(database, chain)
        if let stored, stored.isSealed { return stored.record }
        let newest = try Row.fetchOne(database, sql: "SELECT id, hash FROM log ORDER BY id DESC LIMIT 1")
        let link = Link(id: newest?[0] ?? 0, hash: chain.origin)
        var record = LogChainRecord(startId: link.id, anchor: link, head: link)
        let lastHash: DatabaseValue = newest?[1] ?? .null
        if stored != nil || !lastHash.isNull { (record.brokenId, record.brokenAt) = (link.id, now) }
        return record
    }

    /// Writes it with its seal.
    func save(_ database: Database, _ chain: LogChain) throws {
        let sql = """
            INSERT OR REPLACE INTO log_chain (id, startId, anchorId, anchorHash, headId, headHash, brokenId, brokenAt, seal)
            VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        let arguments = StatementArguments(self.values + [chain.seal(of: self.values).databaseValue])
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
