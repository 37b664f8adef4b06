// SPDX-License-Identifier: Apache-2.0

import GRDB

/// What callers had brought in from URLs, and the keys by which a repeated request is known.
///
/// `request` is sealed, for the URL and the headers may be credentials, and wiped at the end. `checkpoint`, the provider's own, is sealed too: there may be permissions in it. `spent` is in
/// milliseconds, `result` what the provider holds in the end, as JSON.
func registerJobMigrations(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("jobs") { database in
        try database.execute(
            sql: """
                CREATE TABLE job (
                    id TEXT PRIMARY KEY NOT NULL,
                    caller TEXT NOT NULL,
                    provider TEXT NOT NULL,
                    session TEXT,
                    host TEXT NOT NULL,
                    sourceURL TEXT NOT NULL,
                    name TEXT NOT NULL,
                    request BLOB NOT NULL,
                    status TEXT NOT NULL,
                    tries INTEGER NOT NULL DEFAULT 0,
                    nextTryAt INTEGER,
                    spent INTEGER NOT NULL DEFAULT 0,
                    checkpoint BLOB,
                    receivedBytes INTEGER,
                    totalBytes INTEGER,
                    result TEXT,
                    resultSession TEXT,
                    resultItem TEXT,
                    failureCode TEXT,
                    failureMessage TEXT,
                    createdAt INTEGER NOT NULL,
                    startedAt INTEGER,
                    endedAt INTEGER
                ) STRICT;
                CREATE INDEX job_provider ON job (provider, createdAt);
                CREATE INDEX job_open ON job (createdAt) WHERE status IN ('queued', 'downloading');
                CREATE INDEX job_ended ON job (endedAt) WHERE status IN ('failed', 'cancelled');
                CREATE INDEX job_result ON job (provider, resultItem) WHERE resultItem IS NOT NULL;
                CREATE TABLE idempotency (
                    caller TEXT NOT NULL,
                    key TEXT NOT NULL,
                    digest BLOB NOT NULL,
                    job TEXT NOT NULL,
                    createdAt INTEGER NOT NULL,
                    PRIMARY KEY (caller, key)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX idempotency_createdAt ON idempotency (createdAt);
                """
        )
    }
}
