// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The tables of what is configured over the API, and of the master secret that it is sealed under.
///
/// `sealed` of a provider holds address and settings: at some upstreams the address is the permission. For the same reason
/// `origin` is a keyed digest.
func registerProviderMigrations(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("3 providers and credentials") { database in
        try database.execute(
            sql: """
                CREATE TABLE vault (
                    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
                    masterId TEXT NOT NULL,
                    root BLOB NOT NULL
                );
                CREATE TABLE provider (
                    name TEXT PRIMARY KEY NOT NULL,
                    kind TEXT NOT NULL,
                    sealed BLOB NOT NULL,
                    createdAt INTEGER NOT NULL
                );
                CREATE TABLE credential (
                    id TEXT PRIMARY KEY NOT NULL,
                    provider TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    origin BLOB NOT NULL,
                    label TEXT,
                    fingerprint TEXT NOT NULL,
                    sealed BLOB NOT NULL,
                    createdAt INTEGER NOT NULL
                );
                CREATE INDEX credential_provider ON credential (provider);
                """
        )
    }
}
