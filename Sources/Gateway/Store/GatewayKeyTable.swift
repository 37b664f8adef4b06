// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The rows of `gateway_key`.
///
/// Every value goes in as a bound argument, never as text of a statement.
struct GatewayKeyTable: Sendable {
    /// All keys at one moment, and which moment that was.
    struct Change: Sendable {
        let generation: Int64
        let records: [GatewayKeyRecord]
    }

    private let store: Store

    init(_ store: Store) { self.store = store }

    /// All readable keys, where any changed since `generation`; else `nil`.
    func keys(changedSince generation: Int64?) async throws(StoreError) -> Change? {
        try await self.store.read { database in
            let sql = "SELECT value FROM meta WHERE name = 'gateway_key.generation'"
            let current = try Int64.fetchOne(database, sql: sql) ?? 0
            guard current != generation else { return nil }
            let rows = try Row.fetchAll(database, sql: "SELECT * FROM gateway_key")
            return Change(generation: current, records: rows.compactMap { try? GatewayKeyRecord(row: $0) })
        }
    }

    func all() async throws(StoreError) -> [GatewayKeyRecord] {
        try await self.store.read { database in
            try GatewayKeyRecord.fetchAll(database, sql: "SELECT * FROM gateway_key ORDER BY createdAt DESC, id")
        }
    }

    func find(_ id: String) async throws(StoreError) -> GatewayKeyRecord? {
        try await self.store.read { try Self.find(id, in: $0) }
    }

    func insert(_ record: GatewayKeyRecord) async throws(StoreError) {
        try await self.store.write { try record.insert($0) }
    }

    /// Inserts where the table is empty; whether it did.
    func insertIfFirst(_ record: GatewayKeyRecord) async throws(StoreError) -> Bool {
        try await self.store.write { database in
            guard try GatewayKeyRecord.fetchCount(database) == 0 else { return false }
            try record.insert(database)
            return true
        }
    }

    /// Reads, changes and writes one row as one; the row as it is then, or why it was left alone.
    func update(
        _ id: String,
        _ change: @escaping @Sendable (inout GatewayKeyRecord) -> KeyRing.Refusal?
    ) async throws(StoreError) -> Result<GatewayKeyRecord, KeyRing.Refusal> {
        try await self.store.write { database in
            guard var record = try Self.find(id, in: database) else { return .failure(.unknown) }
            if let refusal = change(&record) { return .failure(refusal) }
            try record.update(database)
            return .success(record)
        }
    }

    func recordUses(_ uses: [String: KeyRing.Use]) async throws(StoreError) {
        try await self.store.write { database in
            let sql =
                "UPDATE gateway_key SET lastUsedAt = ?, lastUsedFrom = ? WHERE id = ? AND coalesce(lastUsedAt, 0) <= ?"
            for (id, use) in uses {
                let time = use.time.milliseconds
                try database.execute(sql: sql, arguments: [time, use.address, id, time])
            }
        }
    }

    private static func find(_ id: String, in database: Database) throws -> GatewayKeyRecord? {
        try GatewayKeyRecord.fetchOne(database, sql: "SELECT * FROM gateway_key WHERE id = ?", arguments: [id])
    }
}
