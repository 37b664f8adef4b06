// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB

/// The table of the digests that the gateway measured itself.
struct DigestTable: Sendable {
    private let database: DatabasePool

    init(_ store: Store) { self.database = store.database }

    /// The newest digests, at most `limit`, the oldest of them first.
    func newest(_ limit: Int) async throws -> [(key: MeasuredDigests.Key, digest: MeasuredDigest)] {
        try await self.database.read { database in
            let rows = try Row.fetchAll(
                database,
                sql:
                    "SELECT provider, reference, revision, sha256 FROM measured_digest ORDER BY measured_at DESC LIMIT ?",
                arguments: [limit]
            )
            return rows.reversed().compactMap { row in
                guard let provider = ProviderID(row["provider"] as String) else { return nil }
                let key = MeasuredDigests.Key(provider: provider, reference: row["reference"])
                return (key, MeasuredDigest(revision: row["revision"], sha256: row["sha256"]))
            }
        }
    }

    /// Keeps a digest in place of an older one of the same reference.
    func keep(_ digest: MeasuredDigest, for key: MeasuredDigests.Key, at time: Date) async throws {
        try await self.database.write { database in
            try database.execute(
                sql: """
                    INSERT OR REPLACE INTO measured_digest (provider, reference, revision, sha256, measured_at)
                    VALUES (?, ?, ?, ?, ?)
                    """,
                arguments: [
                    key.provider.name, key.reference, digest.revision, digest.sha256, time.timeIntervalSince1970,
                ]
            )
        }
    }

    /// Drops what was measured before `time`; the next whole read measures it again.
    func prune(before time: Date) async throws {
        try await self.database.write { database in
            try database.execute(
                sql: "DELETE FROM measured_digest WHERE measured_at < ?",
                arguments: [time.timeIntervalSince1970]
            )
        }
    }
}
