// SPDX-License-Identifier: Apache-2.0

import GRDB

/// What callers have used up of their limits.
///
/// `level` is a bucket's content in its own exact measure, beyond 64 bits, and so a text; `day` counts UTC days from 1970.
func registerLimitMigrations(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("limit accounts") { database in
        try database.execute(
            sql: """
                CREATE TABLE limit_account (
                    caller TEXT PRIMARY KEY NOT NULL,
                    level TEXT,
                    capacity INTEGER,
                    rate TEXT,
                    savedAt INTEGER NOT NULL,
                    day INTEGER NOT NULL,
                    bytes INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                """
        )
    }
}
