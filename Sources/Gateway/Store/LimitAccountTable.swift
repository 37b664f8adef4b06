// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The rows of `limit_account`: what callers have used up of their limits.
struct LimitAccountTable: Sendable {
    private let store: Store

    init(_ store: Store) { self.store = store }

    /// Every readable row.
    func all() async throws(StoreError) -> [LimitAccountRecord] {
        try await self.store.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM limit_account").map(LimitAccountRecord.init)
        }
    }

    /// Writes rows, and deletes those of whom nothing is to be kept; all or nothing.
    func write(_ changes: [(caller: String, record: LimitAccountRecord?)]) async throws(StoreError) {
        try await self.store.write { database in
            let replace = try database.makeStatement(
                sql: """
                    INSERT OR REPLACE INTO limit_account (caller, level, capacity, rate, savedAt, day, bytes)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            )
            let delete = try database.makeStatement(sql: "DELETE FROM limit_account WHERE caller = ?")
            for (caller, record) in changes {
                guard let record else {
                    try delete.execute(arguments: [caller])
                    continue
                }
                let bucket = record.bucket
                try replace.execute(
                    arguments: [
                        caller, bucket.map { String($0.level) }, bucket?.capacity, bucket?.rate.description,
                        record.savedAt, record.day, record.bytes,
                    ]
                )
            }
        }
    }
}

extension LimitAccountRecord {
    /// Reads a row; a bucket that cannot be read is a new one.
    fileprivate init(row: Row) {
        var bucket: Bucket?
        if let level = (row["level"] as String?).flatMap({ Int128($0) }), let capacity = row["capacity"] as Int?,
            let rate = (row["rate"] as String?).flatMap({ RequestRate($0) })
        {
            bucket = Bucket(level: level, capacity: capacity, rate: rate)
        }
        self.init(caller: row["caller"], bucket: bucket, savedAt: row["savedAt"], day: row["day"], bytes: row["bytes"])
    }
}
