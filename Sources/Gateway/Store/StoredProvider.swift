// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB

/// A row of `provider`: one that was made over the API.
struct StoredProvider: Sendable {
    var name: String
    var kind: String
    /// Address and settings as JSON, sealed.
    var sealed = Data()
    var createdAt: Date

    var place: Sealer.Place { Sealer.Place("provider v1", self.name, self.kind) }

    /// In the order in which they were made.
    static func all(_ database: Database) throws -> [StoredProvider] {
        try Row.fetchAll(database, sql: "SELECT * FROM provider ORDER BY createdAt, name").map { row in
            StoredProvider(
                name: row["name"],
                kind: row["kind"],
                sealed: row["sealed"],
                createdAt: Date(milliseconds: row["createdAt"]) ?? .distantPast
            )
        }
    }
}

/// A row of `credential`: one that was added over the API, to a provider of the API or of the file.
struct StoredCredential: Sendable {
    var id: String
    var provider: String
    var kind: String
    /// Stands for the one origin that it may be sent to.
    var origin: Data
    var label: String?
    var fingerprint: String
    /// Its fields as JSON, sealed.
    var sealed = Data()
    var createdAt: Date

    /// Moved to another provider, or with another origin, it cannot be opened.
    var place: Sealer.Place {
        Sealer.Place("credential v1", self.provider, self.kind, self.origin.hexadecimal, self.id)
    }

    /// In the order in which they were added.
    static func all(_ database: Database) throws -> [StoredCredential] {
        try Row.fetchAll(database, sql: "SELECT * FROM credential ORDER BY createdAt, id").map { row in
            StoredCredential(
                id: row["id"],
                provider: row["provider"],
                kind: row["kind"],
                origin: row["origin"],
                label: row["label"],
                fingerprint: row["fingerprint"],
                sealed: row["sealed"],
                createdAt: Date(milliseconds: row["createdAt"]) ?? .distantPast
            )
        }
    }
}
