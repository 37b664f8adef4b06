// SPDX-License-Identifier: Apache-2.0

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

    /// The log in `store`.
    public init(_ store: Store) { self.pool = store.logs }

    /// The newest entries that match; of those with `keyId` only, where the caller may see no others.
    public func page(_ query: LogQuery, keyId: String? = nil) async throws(StoreError) -> Page {
        let limit = min(max(query.limit, LogQuery.limits.lowerBound), LogQuery.limits.upperBound)
        let rows = try await self.read { database in
            let search = try LogSearch(query, keyId: keyId, in: database)
            return try search.rows(database, order: "DESC", limit: limit + 1)
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
        try await self.read { database in
            var query = query
            query.cursor = nil
            let search = try LogSearch(query, keyId: keyId, after: id, in: database)
            return try search.rows(database, order: "ASC", limit: max(0, limit)).map(\.entry)
        }
    }

    /// The number of the newest entry; 0 where there is none.
    func newestId() async throws(StoreError) -> Int64 {
        try await self.read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM log") ?? 0 }
    }

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await self.pool.read(body)
        } catch {
            throw StoreError(error, path: self.pool.path)
        }
    }
}
