// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// The rows of `provider` and `credential`; what is secret in them is sealed in the transaction that writes it.
struct ProviderTable: Sendable {
    /// All rows at one moment.
    struct Contents: Sendable {
        var providers: [StoredProvider] = []
        var credentials: [StoredCredential] = []
    }

    /// A credential, and its fields in the open.
    typealias NewCredential = (row: StoredCredential, content: Data)

    private let store: Store
    private let vault: Vault

    init(_ store: Store, _ vault: Vault) {
        self.store = store
        self.vault = vault
    }

    func contents() async throws(StoreError) -> Contents {
        try await self.store.read { database in
            Contents(providers: try StoredProvider.all(database), credentials: try StoredCredential.all(database))
        }
    }

    /// Inserts a provider with its credentials; `false`, and nothing done, where there is one of this name.
    ///
    /// Credentials that an earlier provider of this name left behind are removed.
    func insert(_ provider: StoredProvider, _ content: Data, _ credentials: [NewCredential]) async throws -> Bool {
        try await self.write { database, sealer in
            try database.execute(
                sql: "INSERT OR IGNORE INTO provider (name, kind, sealed, createdAt) VALUES (?, ?, ?, ?)",
                arguments: [
                    provider.name, provider.kind, try sealer.seal(content, at: provider.place),
                    provider.createdAt.milliseconds,
                ]
            )
            guard database.changesCount == 1 else { return false }
            try database.execute(sql: "DELETE FROM credential WHERE provider = ?", arguments: [provider.name])
            for credential in credentials { try Self.insert(credential, database, sealer) }
            return true
        }
    }

    /// Changes address and settings; `false` where there is no such provider any more.
    func update(_ provider: StoredProvider, _ content: Data) async throws -> Bool {
        try await self.write { database, sealer in
            try database.execute(
                sql: "UPDATE provider SET sealed = ? WHERE name = ? AND kind = ?",
                arguments: [try sealer.seal(content, at: provider.place), provider.name, provider.kind]
            )
            return database.changesCount == 1
        }
    }

    func insert(_ credential: NewCredential) async throws {
        try await self.write { database, sealer in try Self.insert(credential, database, sealer) }
    }

    /// Removes a provider of the API, and its credentials.
    func removeProvider(_ name: String) async throws {
        try await self.store.writeDurably { database in
            try database.execute(sql: "DELETE FROM credential WHERE provider = ?", arguments: [name])
            try database.execute(sql: "DELETE FROM provider WHERE name = ?", arguments: [name])
        }
    }

    func removeCredential(_ id: String) async throws {
        try await self.store.writeDurably { database in
            try database.execute(sql: "DELETE FROM credential WHERE id = ?", arguments: [id])
        }
    }

    private func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database, Sealer) throws -> Value
    ) async throws -> Value {
        let vault = self.vault
        return try await self.store.writeDurably { database in
            // Within the transaction no rotation can come between, so that nothing is sealed under a secret of the past.
            try body(database, try vault.sealer(for: try VaultTable.masterID(database)))
        }
    }

    private static func insert(_ credential: NewCredential, _ database: Database, _ sealer: Sealer) throws {
        let row = credential.row
        try database.execute(
            sql: """
                INSERT INTO credential (id, provider, kind, origin, label, fingerprint, sealed, createdAt)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                row.id, row.provider, row.kind, row.origin, row.label, row.fingerprint,
                try sealer.seal(credential.content, at: row.place), row.createdAt.milliseconds,
            ]
        )
    }
}
