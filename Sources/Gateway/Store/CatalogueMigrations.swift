// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The catalogue's tables; all but `tombstone` are a cache.
func registerCatalogueMigrations(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("catalogue-1") { database in
        try database.execute(
            sql: """
                CREATE TABLE download (
                    provider TEXT NOT NULL, digest BLOB NOT NULL, record BLOB NOT NULL, seen_at REAL NOT NULL,
                    PRIMARY KEY (provider, digest)
                ) WITHOUT ROWID;
                CREATE TABLE listing (
                    provider TEXT NOT NULL, question TEXT NOT NULL, record BLOB NOT NULL, fetched_at REAL NOT NULL,
                    PRIMARY KEY (provider, question)
                ) WITHOUT ROWID;
                CREATE TABLE tombstone (
                    provider TEXT NOT NULL, digest BLOB NOT NULL, deleted_at REAL NOT NULL,
                    PRIMARY KEY (provider, digest)
                ) WITHOUT ROWID;
                CREATE INDEX download_seen ON download (seen_at);
                CREATE INDEX listing_fetched ON listing (fetched_at);
                """
        )
    }
    migrator.registerMigration("catalogue-2 measured digests") { database in
        try database.execute(
            sql: """
                CREATE TABLE measured_digest (
                    provider TEXT NOT NULL, reference BLOB NOT NULL, revision TEXT NOT NULL, sha256 BLOB NOT NULL,
                    measured_at REAL NOT NULL,
                    PRIMARY KEY (provider, reference)
                ) WITHOUT ROWID;
                CREATE INDEX measured_digest_measured ON measured_digest (measured_at);
                """
        )
    }
}
