// SPDX-License-Identifier: Apache-2.0

public import Foundation
import GRDB

/// The log as it is on disk.
public struct LogStore: Sendable {
    /// A piece of the log, newest first.
    public struct Page: Sendable {
        /// The entries.
        public let entries: [LogEntry]
        /// Where the next older piece begins; `nil` at the end.
        public let nextCursor: LogQuery.Cursor?
    }

    private let pool: DatabasePool
    private let clock: @Sendable () -> Date

    /// The log in `store`.
    public init(_ store: Store, clock: @escaping @Sendable () -> Date = { Date() }) {
        self.pool = store.logs
        self.clock = clock
    }

    /// The newest entries that match; of those with `keyId` only, where the caller may see no others.
    public func page(_ query: LogQuery, keyId: String? = nil) async throws(StoreError) -> Page {
        let limit = min(max(query.limit, LogQuery.limits.lowerBound), LogQuery.limits.upperBound)
        let (conditions, arguments) = Self.conditions(query, keyId: keyId)
        let sql = "SELECT * FROM log\(conditions) ORDER BY id DESC LIMIT ?"
        let rows = try await self.perform { pool in
            try await pool.read { database in
                try LogRecord.fetchAll(database, sql: sql, arguments: arguments + [limit + 1])
            }
        }
        let page = rows.prefix(limit)
        let next = rows.count > limit ? page.last.map { LogQuery.Cursor(id: $0.id) } : nil
        return Page(entries: page.map(\.entry), nextCursor: next)
    }

    /// The entries that match and were written after entry number `id`, the oldest of them first, at most `limit`.
    ///
    /// Of those with `keyId` only, where the caller may see no others. The query's own limit and cursor do not count.
    func entries(
        after id: Int64,
        matching query: LogQuery,
        keyId: String? = nil,
        limit: Int
    ) async throws(StoreError) -> [LogEntry] {
        var query = query
        query.cursor = nil
        let (conditions, arguments) = Self.conditions(query, keyId: keyId, after: id)
        let sql = "SELECT * FROM log\(conditions) ORDER BY id LIMIT ?"
        return try await self.perform { pool in
            try await pool.read { database in
                try LogRecord.fetchAll(database, sql: sql, arguments: arguments + [max(0, limit)]).map(\.entry)
            }
        }
    }

    /// The number of the newest entry; 0 where there is none.
    func newestId() async throws(StoreError) -> Int64 {
        try await self.perform { pool in
            try await pool.read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM log") ?? 0 }
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
                    try database.inTransaction {
                        for entry in entries { try LogRecord.insert(entry, into: database) }
                        return .commit
                    }
                    return database.lastInsertedRowID
                } catch {
                    putBack(entries)
                    throw error
                }
            }
        }
    }

    /// Deletes entries older than `age`, in steps that do not hold up the writing of new ones.
    func prune(olderThan age: Duration) async throws(StoreError) {
        let bound = self.clock().addingTimeInterval(-Double(age.components.seconds)).milliseconds
        let sql = "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE time < ? LIMIT 10000)"
        var deleted: Int
        repeat {
            deleted = try await self.perform { pool in
                try await pool.write { database in
                    try database.execute(sql: sql, arguments: [bound])
                    return database.changesCount
                }
            }
        } while deleted > 0
    }

    /// Only fixed text goes into the statement; whatever a caller chose is an argument.
    private static func conditions(
        _ query: LogQuery,
        keyId: String?,
        after id: Int64? = nil
    ) -> (sql: String, StatementArguments) {
        var conditions: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        func require(_ condition: String, _ value: (any DatabaseValueConvertible)?) {
            guard let value else { return }
            conditions.append(condition)
            arguments.append(value)
        }
        require("keyId = ?", keyId)
        require("keyId = ?", query.key)
        require("provider = ?", query.provider)
        require("downloadId = ?", query.downloadId)
        require("sessionId = ?", query.sessionId)
        require("method = ?", query.method)
        require("status >= ?", query.status?.range.lowerBound)
        require("status <= ?", query.status?.range.upperBound)
        require("code = ?", query.code)
        require("requestId = ?", query.requestId)
        require("time >= ?", query.since?.milliseconds)
        require("time <= ?", query.until?.milliseconds)
        require("id < ?", query.cursor?.id)
        require("id > ?", id)
        let sql = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
        return (sql, StatementArguments(arguments))
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
