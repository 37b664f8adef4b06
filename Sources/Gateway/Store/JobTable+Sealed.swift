// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB

/// What is sealed of a job: what it was asked to do, and what its provider goes on from.
extension JobTable {
    /// What is sealed of a job, opened.
    struct Kept: Sendable {
        let request: JobRequest
        /// What its provider goes on from.
        let checkpoint: Data?
    }

    /// What a job was asked to do, and how far it is; `nil` where it cannot be opened.
    func kept(of job: Job) async throws -> Kept? {
        let vault = self.vault
        return try await self.store.read { database in
            let sealer = try vault.sealer(for: try VaultTable.masterID(database))
            let sql = "SELECT request, checkpoint FROM job WHERE id = ?"
            guard let row = try Row.fetchOne(database, sql: sql, arguments: [job.id.lowercaseText]) else { return nil }
            let request = sealer.open(row["request"], at: Self.place(job.id, job.provider.name))
                .flatMap { try? JSONDecoder().decode(SealedRequest.self, from: $0) }?.request
            let checkpoint = (row["checkpoint"] as Data?).flatMap { sealer.open($0, at: Self.checkpointPlace(job.id)) }
            return request.map { Kept(request: $0, checkpoint: checkpoint) }
        }
    }

    /// Moved to another row, a request cannot be opened.
    static func place(_ id: UUID, _ provider: String) -> Sealer.Place {
        Sealer.Place("job request v1", id.lowercaseText, provider)
    }

    /// Moved to another row, a checkpoint cannot be opened.
    static func checkpointPlace(_ id: UUID) -> Sealer.Place { Sealer.Place("job checkpoint v1", id.lowercaseText) }

    /// A sealed value of a row.
    struct SealedValue: Sendable {
        let id: String
        let column: String
        let sealed: Data
        let place: Sealer.Place
    }

    /// Every sealed value with its place, for an exchange of the master secret.
    static func sealedValues(_ database: Database) throws -> [SealedValue] {
        try Row.fetchAll(database, sql: "SELECT id, provider, request, checkpoint FROM job WHERE length(request) > 0")
            .flatMap { row -> [SealedValue] in
                guard let id = UUID(uuidString: row["id"]) else { return [] }
                let place = Self.place(id, row["provider"])
                let request = SealedValue(id: id.lowercaseText, column: "request", sealed: row["request"], place: place)
                guard let checkpoint = row["checkpoint"] as Data? else { return [request] }
                let kept = Self.checkpointPlace(id)
                return [
                    request, SealedValue(id: id.lowercaseText, column: "checkpoint", sealed: checkpoint, place: kept),
                ]
            }
    }
}
