// SPDX-License-Identifier: Apache-2.0

import GRDB

/// What makes the log provable, countable and quick to search.
func registerLogMigrations(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("2 log chain, usage and indexes") { database in
        try database.execute(sql: chainAndUsage)
        // What was logged before counts as well.
        var rollup = UsageRollup()
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM log")
        while let row = try rows.next() {
            let record = try LogRecord(row: row)
            rollup.add(record.entry, id: record.id)
        }
        try rollup.write(to: database)
    }
}

/// `log_chain` has one row: where the chain began, what retention dropped last, its newest entry, and where the gateway
/// itself found it broken.
///
/// `usage` holds sums by hour and by day (`span`, milliseconds); no key and no provider are ''. `log_hour` says in which
/// numbers the entries of an hour lie, so that a search by time needs no index of times. A request's method is nearly always
/// `GET`, which needs no index.
private let chainAndUsage = """
    CREATE TABLE log_chain (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        startId INTEGER NOT NULL,
        anchorId INTEGER NOT NULL,
        anchorHash BLOB NOT NULL,
        headId INTEGER NOT NULL,
        headHash BLOB NOT NULL,
        brokenId INTEGER,
        brokenAt INTEGER,
        seal BLOB NOT NULL
    );
    CREATE TABLE usage (
        span INTEGER NOT NULL,
        start INTEGER NOT NULL,
        keyId TEXT NOT NULL,
        provider TEXT NOT NULL,
        requests INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        rateLimited INTEGER NOT NULL,
        bytesIn INTEGER NOT NULL,
        bytesOut INTEGER NOT NULL,
        durations BLOB NOT NULL,
        PRIMARY KEY (span, start, keyId, provider)
    ) WITHOUT ROWID;
    CREATE TABLE log_hour (
        hour INTEGER PRIMARY KEY,
        minId INTEGER NOT NULL,
        maxId INTEGER NOT NULL
    );
    DROP INDEX log_time;
    CREATE INDEX log_sessionId ON log (sessionId, id) WHERE sessionId IS NOT NULL;
    CREATE INDEX log_code ON log (code, id) WHERE code IS NOT NULL;
    CREATE INDEX log_family ON log (status / 100, id);
    CREATE INDEX log_method ON log (method, id) WHERE method <> 'GET';
    """
