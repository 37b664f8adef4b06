// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// The one row of `vault`, and the exchange of the master secret under everything that is sealed.
struct VaultTable: Sendable {
    /// Which master secret the store hangs on, and the root sealed under it.
    struct Row: Hashable, Sendable {
        var masterID: String
        var root: Data
    }

    private let store: Store

    init(_ store: Store) { self.store = store }

    func row() async throws(StoreError) -> Row? { try await self.store.read { try Self.row($0) } }

    /// Inserts where there is none; the row that is there then.
    func insertIfFirst(_ row: Row) async throws -> Row {
        try await self.store.writeDurably { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO vault (id, masterId, root) VALUES (1, ?, ?)",
                arguments: [row.masterID, row.root]
            )
            return try Self.row(database) ?? row
        }
    }

    /// Which master secret the store hangs on at this moment of a transaction.
    static func masterID(_ database: Database) throws -> String {
        try String.fetchOne(database, sql: "SELECT masterId FROM vault") ?? ""
    }

    /// Seals everything anew and names the new master secret, all or nothing.
    ///
    /// What cannot be opened is left as it is. Throws `wrongMaster` where the store no longer hangs on the old one.
    func reseal(
        from old: Sealer,
        to new: Sealer,
        _ row: Row
    ) async throws -> (resealed: Int, unreadable: Int) {
        try await self.store.writeDurably { database in
            guard try Self.masterID(database) == old.masterID else {
                throw MasterSecret.Failure.wrongMaster(place: "the old secret")
            }
            var counts = (resealed: 0, unreadable: 0)
            func reseal(_ sealed: Data, at place: Sealer.Place, _ write: (Data) throws -> Void) throws {
                guard let bytes = old.open(sealed, at: place) else { return counts.unreadable += 1 }
                try write(try new.seal(bytes, at: place))
                counts.resealed += 1
            }
            for provider in try StoredProvider.all(database) {
                try reseal(provider.sealed, at: provider.place) { sealed in
                    try database.execute(
                        sql: "UPDATE provider SET sealed = ? WHERE name = ?",
                        arguments: [sealed, provider.name]
                    )
                }
            }
            for credential in try StoredCredential.all(database) {
                try reseal(credential.sealed, at: credential.place) { sealed in
                    try database.execute(
                        sql: "UPDATE credential SET sealed = ? WHERE id = ?",
                        arguments: [sealed, credential.id]
                    )
                }
            }
            for value in try JobTable.sealedValues(database) {
                try reseal(value.sealed, at: value.place) { sealed in
                    try database.execute(
                        sql: "UPDATE job SET \(value.column) = ? WHERE id = ?",
                        arguments: [sealed, value.id]
                    )
                }
            }
            try database.execute(sql: "UPDATE vault SET masterId = ?, root = ?", arguments: [row.masterID, row.root])
            return counts
        }
    }

    private static func row(_ database: Database) throws -> Row? {
        try GRDB.Row.fetchOne(database, sql: "SELECT masterId, root FROM vault")
            .map { Row(masterID: $0["masterId"], root: $0["root"]) }
    }
}
