// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import GRDB

/// The catalogue's tables in SQLite.
///
/// Rows that cannot be read back, from another version say, count as not there.
struct CatalogueStore: Sendable {
    private let database: DatabasePool

    init(_ store: Store) { self.database = store.database }

    // MARK: Listings

    private struct ListingRecord: Codable {
        let isAbsent: Bool
        let isTruncated: Bool
        let downloads: [DownloadRecord]
    }

    func listing(for key: ListingKey) async throws -> Listing? {
        guard let (data, fetchedAt) = try await self.row(key.provider, Self.question(key)),
            let record = try? JSONDecoder().decode(ListingRecord.self, from: data)
        else { return nil }
        return Listing(
            downloads: record.downloads.map { $0.download(of: key.provider) },
            isAbsent: record.isAbsent,
            isTruncated: record.isTruncated,
            fetchedAt: fetchedAt
        )
    }

    /// One transaction: the listing, and each of its downloads.
    func keep(_ listing: Listing, for key: ListingKey) async throws {
        let records = listing.downloads.map(DownloadRecord.init)
        let record = ListingRecord(isAbsent: listing.isAbsent, isTruncated: listing.isTruncated, downloads: records)
        let data = try JSONEncoder().encode(record)
        let rows = try zip(listing.downloads, records).map { download, record in
            (DownloadID.digest(of: download.reference), try JSONEncoder().encode(record))
        }
        try await self.database.write { database in
            try Self.put(data, key.provider, Self.question(key), listing.fetchedAt, into: database)
            for (digest, data) in rows {
                try Self.put(data, digest: digest, key.provider, seenAt: listing.fetchedAt, into: database)
            }
        }
    }

    func sessions(of provider: ProviderID) async throws -> (sessions: [Session], fetchedAt: Date)? {
        guard let (data, fetchedAt) = try await self.row(provider, "sessions"),
            let sessions = try? JSONDecoder().decode([Session].self, from: data)
        else { return nil }
        return (sessions, fetchedAt)
    }

    func keep(_ sessions: [Session], of provider: ProviderID, fetchedAt: Date) async throws {
        let data = try JSONEncoder().encode(sessions)
        try await self.database.write { database in
            try Self.put(data, provider, "sessions", fetchedAt, into: database)
        }
    }

    // MARK: Downloads

    func download(_ digest: Data, of provider: ProviderID) async throws -> Catalogue.Known? {
        let row = try await self.database.read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT record, seen_at FROM download WHERE provider = ? AND digest = ?"
            )
            return try Row.fetchOne(statement, arguments: [provider.name, digest])
                .map { row -> (Data, Double) in (row["record"], row["seen_at"]) }
        }
        guard let (data, seenAt) = row, let record = try? JSONDecoder().decode(DownloadRecord.self, from: data) else {
            return nil
        }
        return Catalogue.Known(download: record.download(of: provider), seenAt: Date(timeIntervalSince1970: seenAt))
    }

    func keep(_ known: Catalogue.Known) async throws {
        let reference = known.download.reference
        let data = try JSONEncoder().encode(DownloadRecord(known.download))
        try await self.database.write { database in
            let digest = DownloadID.digest(of: reference)
            try Self.put(data, digest: digest, reference.provider, seenAt: known.seenAt, into: database)
        }
    }

    /// Drops a download, and the listings of its container that may name it.
    func forget(_ reference: DownloadReference) async throws {
        try await self.database.write { database in
            try database.execute(
                sql: "DELETE FROM download WHERE provider = ? AND digest = ?",
                arguments: [reference.provider.name, DownloadID.digest(of: reference)]
            )
            try database.execute(
                sql: "DELETE FROM listing WHERE provider = ? AND question LIKE ?",
                arguments: [reference.provider.name, Self.container(reference.session) + "%"]
            )
        }
    }

    // MARK: Tombstones

    func tombstones() async throws -> [Tombstone.Key: Date] {
        try await self.database.read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT provider, digest, deleted_at FROM tombstone")
            let pairs = rows.compactMap { row -> (Tombstone.Key, Date)? in
                guard let provider = ProviderID(row["provider"] as String) else { return nil }
                return (
                    Tombstone.Key(provider: provider, digest: row["digest"]),
                    Date(timeIntervalSince1970: row["deleted_at"])
                )
            }
            return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
        }
    }

    func bury(_ reference: DownloadReference, at time: Date) async throws {
        try await self.database.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO tombstone (provider, digest, deleted_at) VALUES (?, ?, ?)",
                arguments: [reference.provider.name, DownloadID.digest(of: reference), time.timeIntervalSince1970]
            )
        }
    }

    // MARK: Rows

    /// Drops all that a provider answered.
    func purge(_ provider: ProviderID) async throws {
        try await self.database.write { database in
            try database.execute(sql: "DELETE FROM download WHERE provider = ?", arguments: [provider.name])
            try database.execute(sql: "DELETE FROM listing WHERE provider = ?", arguments: [provider.name])
        }
    }

    /// Drops what was not seen since `time`, and tombstones from before `burial`: a cache must not grow for ever.
    func prune(notSeenSince time: Date, buriedBefore burial: Date) async throws {
        let (seen, buried) = (time.timeIntervalSince1970, burial.timeIntervalSince1970)
        try await self.database.write { database in
            try database.execute(sql: "DELETE FROM download WHERE seen_at < ?", arguments: [seen])
            try database.execute(sql: "DELETE FROM listing WHERE fetched_at < ?", arguments: [seen])
            try database.execute(sql: "DELETE FROM tombstone WHERE deleted_at < ?", arguments: [buried])
        }
    }

    private func row(_ provider: ProviderID, _ question: String) async throws -> (Data, Date)? {
        try await self.database.read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT record, fetched_at FROM listing WHERE provider = ? AND question = ?"
            )
            return try Row.fetchOne(statement, arguments: [provider.name, question])
                .map { row in (row["record"], Date(timeIntervalSince1970: row["fetched_at"])) }
        }
    }

    private static func put(
        _ data: Data,
        _ provider: ProviderID,
        _ question: String,
        _ fetchedAt: Date,
        into database: Database
    ) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO listing (provider, question, record, fetched_at) VALUES (?, ?, ?, ?)",
            arguments: [provider.name, question, data, fetchedAt.timeIntervalSince1970]
        )
    }

    private static func put(
        _ data: Data,
        digest: Data,
        _ provider: ProviderID,
        seenAt: Date,
        into database: Database
    ) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO download (provider, digest, record, seen_at) VALUES (?, ?, ?, ?)",
            arguments: [provider.name, digest, data, seenAt.timeIntervalSince1970]
        )
    }

    // The container first and in hex, so that all questions about it share a prefix and no name can imitate another.
    private static func container(_ session: String?) -> String {
        "list/" + SHA256.hash(data: Data((session.map { "=" + $0 } ?? "-").utf8)).hexadecimal + "/"
    }

    private static func question(_ key: ListingKey) -> String {
        let filter = key.filter
        let fields: [String?] = [
            filter.filename, filter.mimeType, filter.minSize.map(String.init), filter.maxSize.map(String.init),
            filter.createdAfter.map(RFC3339.format), filter.createdBefore.map(RFC3339.format),
        ]
        let text = fields.map { $0.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: ",")
        return Self.container(key.session) + SHA256.hash(data: Data(text.utf8)).hexadecimal
    }
}
