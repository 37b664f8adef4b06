// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The history of the schema.
///
/// Entries are only ever added, never changed: stores in the field have run them.
enum Migrations {
    /// For `sluice.sqlite`.
    static var main: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 meta and gateway keys") { try $0.execute(sql: Self.gatewayKeys) }
        registerCatalogueMigrations(&migrator)
        registerProviderMigrations(&migrator)
        registerLimitMigrations(&migrator)
        registerJobMigrations(&migrator)
        return migrator
    }

    /// For `logs.sqlite`.
    static var logs: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 log") { try $0.execute(sql: Self.log) }
        registerLogMigrations(&migrator)
        return migrator
    }

    /// Times are milliseconds since 1970.
    ///
    /// The counter moves with every change that matters to who is let in, whoever made it, be it by hand; a note of
    /// the last use does not count.
    private static let gatewayKeys = """
        CREATE TABLE meta (
            name TEXT PRIMARY KEY NOT NULL,
            value
        ) WITHOUT ROWID;
        INSERT INTO meta (name, value) VALUES ('gateway_key.generation', 0);

        CREATE TABLE gateway_key (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            digest BLOB NOT NULL UNIQUE,
            previousDigest BLOB,
            previousEndsAt INTEGER,
            scopes TEXT NOT NULL,
            providers TEXT,
            sessions TEXT,
            limits TEXT,
            createdAt INTEGER NOT NULL,
            expiresAt INTEGER,
            lastUsedAt INTEGER,
            lastUsedFrom TEXT,
            revokedAt INTEGER
        );
        CREATE TRIGGER gateway_key_inserted AFTER INSERT ON gateway_key BEGIN
            UPDATE meta SET value = value + 1 WHERE name = 'gateway_key.generation';
        END;
        CREATE TRIGGER gateway_key_deleted AFTER DELETE ON gateway_key BEGIN
            UPDATE meta SET value = value + 1 WHERE name = 'gateway_key.generation';
        END;
        CREATE TRIGGER gateway_key_updated AFTER UPDATE OF id, name, digest, previousDigest, previousEndsAt, scopes,
            providers, sessions, limits, expiresAt, revokedAt ON gateway_key
        BEGIN
            UPDATE meta SET value = value + 1 WHERE name = 'gateway_key.generation';
        END;
        """

    /// `hash` chains the entries to one another; it is `NULL` in what was written before there was a chain.
    private static let log = """
        CREATE TABLE log (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            requestId TEXT NOT NULL,
            keyId TEXT,
            caller TEXT,
            method TEXT NOT NULL,
            route TEXT,
            path TEXT NOT NULL,
            status INTEGER NOT NULL,
            code TEXT,
            outcome TEXT NOT NULL,
            provider TEXT,
            sessionId TEXT,
            downloadId TEXT,
            bytesIn INTEGER NOT NULL,
            bytesOut INTEGER NOT NULL,
            durationMs REAL NOT NULL,
            timings TEXT,
            address TEXT,
            userAgent TEXT,
            hash BLOB
        );
        CREATE INDEX log_time ON log (time);
        CREATE INDEX log_keyId ON log (keyId, id);
        CREATE INDEX log_provider ON log (provider, id) WHERE provider IS NOT NULL;
        CREATE INDEX log_downloadId ON log (downloadId, id) WHERE downloadId IS NOT NULL;
        CREATE INDEX log_requestId ON log (requestId);
        CREATE INDEX log_status ON log (status, id);
        """
}
