// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB

/// The rows of `job` and `idempotency`.
///
/// A job goes from `queued` over `downloading` to one of the ends, and never leaves an end: what comes too late changes no row.
struct JobTable: Sendable {
    let store: Store
    let vault: Vault

    init(_ store: Store, _ vault: Vault) {
        self.store = store
        self.vault = vault
    }

    // MARK: Making

    /// By which a repeated request is known.
    struct Idempotency: Sendable {
        let key: String
        /// Of the request that came with it.
        let digest: Data
    }

    /// What became of a new job.
    enum Insertion: Hashable, Sendable {
        case made
        /// The same request made this job before.
        case known(UUID)
        /// Another request came with the key before.
        case mismatch
        /// The caller has too many open jobs.
        case tooMany
    }

    /// How long a key is known.
    static let idempotencyAge: TimeInterval = 86_400

    /// Commits a new job, so that it survives a loss of power.
    func insert(
        _ job: Job,
        _ request: JobRequest,
        _ idempotency: Idempotency?,
        mostOpen: Int
    ) async throws -> Insertion {
        let content = try JSONEncoder().encode(SealedRequest(request))
        let vault = self.vault
        return try await self.store.writeDurably { database in
            if let idempotency {
                let known = try Self.known(idempotency, of: job.caller, at: job.createdAt, database)
                if let known { return known }
            }
            let open = try Int.fetchOne(
                database,
                sql: "SELECT count(*) FROM job WHERE status IN ('queued', 'downloading') AND caller = ?",
                arguments: [job.caller]
            )
            guard open ?? 0 < mostOpen else { return .tooMany }
            let sealer = try vault.sealer(for: try VaultTable.masterID(database))
            try Self.insert(job, try sealer.seal(content, at: Self.place(job.id, job.provider.name)), database)
            if let idempotency {
                try database.execute(
                    sql: """
                        INSERT OR REPLACE INTO idempotency (caller, key, digest, job, createdAt) VALUES (?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        job.caller, idempotency.key, idempotency.digest, job.id.lowercaseText,
                        job.createdAt.milliseconds,
                    ]
                )
            }
            return .made
        }
    }

    /// What is known of a key; `nil` for a new one.
    func known(
        _ idempotency: Idempotency,
        of caller: String,
        at time: Date
    ) async throws(StoreError) -> Insertion? {
        try await self.store.read { try Self.known(idempotency, of: caller, at: time, $0) }
    }

    private static func known(
        _ idempotency: Idempotency,
        of caller: String,
        at time: Date,
        _ database: Database
    ) throws -> Insertion? {
        let row = try Row.fetchOne(
            database,
            sql: "SELECT digest, job FROM idempotency WHERE caller = ? AND key = ? AND createdAt > ?",
            arguments: [caller, idempotency.key, time.addingTimeInterval(-Self.idempotencyAge).milliseconds]
        )
        guard let row else { return nil }
        guard row["digest"] == idempotency.digest, let id = UUID(uuidString: row["job"]) else { return .mismatch }
        return .known(id)
    }

    private static func insert(_ job: Job, _ sealed: Data, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO job (id, caller, provider, session, host, sourceURL, name, request, status, createdAt)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                job.id.lowercaseText, job.caller, job.provider.name, job.session, job.host, job.sourceURL ?? "",
                job.name,
                sealed,
                job.status.rawValue, job.createdAt.milliseconds,
            ]
        )
    }

    // MARK: Reading

    func job(_ id: UUID) async throws(StoreError) -> Job? {
        try await self.store.read { database in
            let statement = try database.cachedStatement(sql: "SELECT * FROM job WHERE id = ?")
            return try Row.fetchOne(statement, arguments: [id.lowercaseText]).flatMap(Job.init)
        }
    }

    /// The newest jobs of a provider.
    func jobs(of provider: ProviderID, limit: Int) async throws(StoreError) -> [Job] {
        try await self.store.read { database in
            // Kept: every list asks, and to prepare it would cost more than all else of a list that is known.
            let statement = try database.cachedStatement(
                sql: "SELECT * FROM job WHERE provider = ? ORDER BY createdAt DESC LIMIT ?"
            )
            return try Row.fetchAll(statement, arguments: [provider.name, limit]).compactMap(Job.init)
        }
    }

    /// Every job that has not ended, the oldest first.
    func open() async throws(StoreError) -> [Job] {
        try await self.store.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM job WHERE status IN ('queued', 'downloading') ORDER BY createdAt, id"
            ).compactMap(Job.init)
        }
    }

    // MARK: Advancing

    /// What may change in a row.
    struct Change: Sendable {
        fileprivate let columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)]
        /// Sealed where it is written.
        fileprivate var checkpoint: Data?

        /// A try begins.
        static func begin(at time: Date) -> Change {
            Change(columns: [("status", "downloading"), ("nextTryAt", nil), ("firstStart", time.milliseconds)])
        }

        /// What a later try goes on from, how far this one is, and how the upstream lists the download, where it does.
        static func checkpoint(
            _ checkpoint: Data,
            _ progress: CreateProgress?,
            _ listed: DownloadReference?
        ) -> Change {
            var columns: [(String, (any DatabaseValueConvertible & Sendable)?)] = [
                ("receivedBytes", progress?.receivedBytes), ("totalBytes", progress?.totalBytes),
            ]
            if let name = progress?.name { columns.append(("name", name)) }
            if let listed { columns += [("resultSession", listed.session), ("resultItem", listed.item)] }
            return Change(columns: columns, checkpoint: checkpoint)
        }

        /// A try ended, and another will come.
        static func wait(_ job: Job) -> Change {
            Change(columns: [
                ("status", "queued"), ("tries", job.tries), ("spent", job.spent.wholeMilliseconds),
                ("nextTryAt", job.nextTryAt?.milliseconds), ("receivedBytes", job.receivedBytes),
            ])
        }

        /// The file is there.
        static func complete(_ download: Download, at time: Date) throws -> Change {
            let record = String(decoding: try JSONEncoder().encode(DownloadRecord(download)), as: UTF8.self)
            return Change(columns: [
                ("status", "completed"), ("name", download.name), ("result", record),
                ("resultSession", download.reference.session), ("resultItem", download.reference.item),
                ("request", Data()), ("checkpoint", nil), ("receivedBytes", download.size),
                ("totalBytes", download.size),
                ("endedAt", time.milliseconds),
            ])
        }

        static func fail(_ failure: DownloadFailure, at time: Date) -> Change {
            Change(columns: [
                ("status", "failed"), ("failureCode", failure.code.rawValue), ("failureMessage", failure.message),
                ("request", Data()), ("checkpoint", nil), ("endedAt", time.milliseconds),
            ])
        }

        static func cancel(at time: Date) -> Change {
            Change(columns: [
                ("status", "cancelled"), ("request", Data()), ("checkpoint", nil), ("endedAt", time.milliseconds),
            ])
        }
    }

    /// Changes the row of a job that has not ended; returns the job as it is then, `nil` where it has ended or is gone.
    @discardableResult
    func apply(_ change: Change, to id: UUID) async throws(StoreError) -> Job? {
        let vault = self.vault
        return try await self.store.write { database in
            var columns = change.columns
            if let checkpoint = change.checkpoint {
                let sealer = try vault.sealer(for: try VaultTable.masterID(database))
                columns.append(("checkpoint", try sealer.seal(checkpoint, at: Self.checkpointPlace(id))))
            }
            let sets = columns.map { column in
                column.name == "firstStart" ? "startedAt = coalesce(startedAt, ?)" : "\(column.name) = ?"
            }
            let sql = """
                UPDATE job SET \(sets.joined(separator: ", "))
                WHERE id = ? AND status IN ('queued', 'downloading') RETURNING *
                """
            let values = columns.map { $0.value?.databaseValue ?? .null } + [id.lowercaseText.databaseValue]
            return try Row.fetchOne(database, sql: sql, arguments: StatementArguments(values)).flatMap(Job.init)
        }
    }

    /// Removes a job in any state.
    func remove(_ id: UUID) async throws(StoreError) {
        try await self.store.write { database in
            try database.execute(sql: "DELETE FROM job WHERE id = ?", arguments: [id.lowercaseText])
        }
    }

    /// Removes the completed jobs whose files their provider has removed.
    func remove(withResults references: [DownloadReference]) async throws(StoreError) {
        try await self.store.write { database in
            let delete = try database.makeStatement(sql: "DELETE FROM job WHERE provider = ? AND resultItem = ?")
            for reference in references { try delete.execute(arguments: [reference.provider.name, reference.item]) }
        }
    }

    /// Removes what failed or was cancelled before a time, and keys that are no longer known.
    func prune(endedBefore time: Date, now: Date) async throws(StoreError) {
        try await self.store.write { database in
            try database.execute(
                sql: "DELETE FROM job WHERE status IN ('failed', 'cancelled') AND endedAt < ?",
                arguments: [time.milliseconds]
            )
            try database.execute(
                sql: "DELETE FROM idempotency WHERE createdAt < ?",
                arguments: [now.addingTimeInterval(-Self.idempotencyAge).milliseconds]
            )
        }
    }
}

extension Duration {
    /// Without the fraction of a millisecond.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return min(seconds, 1_000_000_000) * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
