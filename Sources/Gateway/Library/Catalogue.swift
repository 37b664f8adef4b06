// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOConcurrencyHelpers

/// What is known of the upstreams' downloads, and since when: a cache in memory, in front of the same in SQLite.
///
/// Deleting it costs time, never an answer; only the tombstones of deleted downloads are durable. A store that cannot be
/// written is reported to the log and otherwise does no harm here.
final class Catalogue: Sendable {
    /// A download, and when it was last seen.
    struct Known: Sendable {
        var download: Download
        var seenAt: Date
    }

    private struct Memory: Sendable {
        var listings = GenerationCache<ListingKey, Listing>(capacity: 1000)
        var sessions = GenerationCache<ProviderID, (sessions: [Session], fetchedAt: Date)>(capacity: 1000)
        var downloads = GenerationCache<DownloadReference, Known>(capacity: 20_000)
        var tombstones: [Tombstone.Key: Date] = [:] {
            didSet { self.burials &+= 1 }
        }
        var burials = 0
        /// Of which epoch each provider's answers are; 0 where nothing is said.
        var epochs: [ProviderID: Int] = [:]

        func isPast(_ epoch: Int, of provider: ProviderID) -> Bool { self.epochs[provider, default: 0] != epoch }
    }

    private let memory = NIOLockedValueBox(Memory())
    private let store: CatalogueStore
    private let feed: DownloadFeed
    private let logger: Logger

    /// Reads the tombstones; everything else is read when it is asked for.
    ///
    /// What turns out to have changed upstream is announced to `feed`.
    init(store: CatalogueStore, feed: DownloadFeed, logger: Logger) async throws {
        self.store = store
        self.feed = feed
        self.logger = logger
        let tombstones = try await store.tombstones()
        self.memory.withLockedValue { $0.tombstones = tombstones }
    }

    /// How much of it is in memory.
    var held: (listings: Int, downloads: Int) {
        self.memory.withLockedValue { ($0.listings.count, $0.downloads.count) }
    }

    // MARK: Listings

    /// The last answer to a question as far as it is in memory, however old.
    func remembered(_ key: ListingKey) -> Listing? { self.memory.withLockedValue { $0.listings[key] } }

    /// The last answer to a question, however old.
    func listing(for key: ListingKey) async -> Listing? {
        if let listing = self.remembered(key) { return listing }
        guard let listing = await self.attempt({ try await self.store.listing(for: key) }) ?? nil else { return nil }
        self.memory.withLockedValue { $0.listings[key] = listing }
        return listing
    }

    /// Keeps an answer, and what it says of each download.
    func keep(_ listing: Listing, for key: ListingKey) async {
        var changed: Set<DownloadReference> = []
        await self.keep(ofEpoch: key.epoch, key.provider) { memory in
            if let last = memory.listings[key] {
                changed = Set(Set(last.downloads).symmetricDifference(listing.downloads).map(\.reference))
            }
            memory.listings[key] = listing
            for download in listing.downloads {
                memory.downloads[download.reference] = Known(download: download, seenAt: listing.fetchedAt)
            }
        } store: {
            try await self.store.keep(listing, for: key)
        }
        for reference in changed { self.feed.announce(reference) }
    }

    /// The sessions that a provider last named, and when.
    func sessions(of provider: ProviderID) async -> (sessions: [Session], fetchedAt: Date)? {
        if let known = self.memory.withLockedValue({ $0.sessions[provider] }) { return known }
        guard let known = await self.attempt({ try await self.store.sessions(of: provider) }) ?? nil else { return nil }
        self.memory.withLockedValue { $0.sessions[provider] = known }
        return known
    }

    /// Keeps the sessions that a provider named.
    func keep(_ sessions: [Session], of provider: ProviderID, epoch: Int, fetchedAt: Date) async {
        await self.keep(ofEpoch: epoch, provider) { memory in
            memory.sessions[provider] = (sessions, fetchedAt)
        } store: {
            try await self.store.keep(sessions, of: provider, fetchedAt: fetchedAt)
        }
    }

    // MARK: Downloads

    /// What is known of one download as far as it is in memory, however old.
    func remembered(_ reference: DownloadReference) -> Known? {
        self.memory.withLockedValue { $0.downloads[reference] }
    }

    /// What is known of one download, however old.
    func download(_ reference: DownloadReference) async -> Known? {
        if let known = self.remembered(reference) { return known }
        let digest = DownloadID.digest(of: reference)
        guard let known = await self.attempt({ try await self.store.download(digest, of: reference.provider) }) ?? nil,
            known.download.reference == reference
        else { return nil }
        self.memory.withLockedValue { $0.downloads[reference] = known }
        return known
    }

    /// The reference behind a digest, for ids that were too long to carry theirs.
    func reference(digest: Data, of provider: ProviderID) async -> DownloadReference? {
        let known = await self.attempt { try await self.store.download(digest, of: provider) } ?? nil
        return known?.download.reference
    }

    /// Keeps what a provider said of one download.
    func keep(_ download: Download, epoch: Int, seenAt: Date) async {
        let known = Known(download: download, seenAt: seenAt)
        var isChanged = false
        await self.keep(ofEpoch: epoch, download.reference.provider) { memory in
            isChanged = memory.downloads[download.reference].map { $0.download != download } ?? false
            memory.downloads[download.reference] = known
        } store: {
            try await self.store.keep(known)
        }
        if isChanged { self.feed.announce(download.reference) }
    }

    /// Forgets a download that its provider no longer knows.
    func forget(_ reference: DownloadReference) async {
        self.memory.withLockedValue { Self.remove(reference, from: &$0) }
        await self.attempt { try await self.store.forget(reference) }
    }

    // MARK: Deleted downloads

    /// Remembers that a download was deleted through the gateway, so that it does not come back in a list.
    func bury(_ reference: DownloadReference, at time: Date) async {
        self.memory.withLockedValue { memory in
            memory.tombstones[Tombstone.Key(reference)] = time
            Self.remove(reference, from: &memory)
        }
        await self.attempt {
            try await self.store.bury(reference, at: time)
            try await self.store.forget(reference)
        }
    }

    /// Another number whenever what is buried may have changed.
    var burials: Int { self.memory.withLockedValue { $0.burials } }

    /// Whether a download of this reference was deleted through the gateway, whatever stands under it now.
    func hasTombstone(of reference: DownloadReference) -> Bool {
        self.memory.withLockedValue { $0.tombstones[Tombstone.Key(reference)] != nil }
    }

    /// Whether a download was deleted through the gateway; a newer file of the same name was not.
    func isBuried(_ download: Download) -> Bool {
        let deletedAt = self.memory.withLockedValue { memory in
            // Most gateways never delete; then nothing needs to be hashed.
            memory.tombstones.isEmpty ? nil : memory.tombstones[Tombstone.Key(download.reference)]
        }
        guard let deletedAt else { return false }
        return (download.createdAt ?? .distantPast) <= deletedAt
    }

    // MARK: Providers that changed

    /// Of which epoch a provider's answers are kept.
    func epoch(of provider: ProviderID) -> Int { self.memory.withLockedValue { $0.epochs[provider, default: 0] } }

    /// Forgets all that a provider answered; from now on only answers of `epoch` are kept.
    ///
    /// What was deleted stays deleted.
    func purge(_ provider: ProviderID, epoch: Int) async {
        self.memory.withLockedValue { memory in
            memory.epochs[provider] = epoch
            memory.listings.removeAll { key, _ in key.provider == provider }
            memory.sessions[provider] = nil
            memory.downloads.removeAll { reference, _ in reference.provider == provider }
        }
        await self.attempt { try await self.store.purge(provider) }
    }

    /// Keeps an answer, unless its provider is another by now.
    private func keep(
        ofEpoch epoch: Int,
        _ provider: ProviderID,
        memory change: (inout Memory) -> Void,
        store write: @Sendable () async throws -> Void
    ) async {
        let isPast = self.memory.withLockedValue { memory in
            guard !memory.isPast(epoch, of: provider) else { return true }
            change(&memory)
            return false
        }
        guard !isPast else { return }
        await self.attempt(write)
        // A purge may have come between, and have found this row not there yet.
        if self.memory.withLockedValue({ $0.isPast(epoch, of: provider) }) {
            await self.attempt { try await self.store.purge(provider) }
        }
    }

    // MARK: Growth

    /// Drops what is too old to be served, and tombstones that no upstream's history will answer to any more.
    func prune(notSeenSince time: Date, buriedBefore burial: Date) async {
        self.memory.withLockedValue { memory in
            memory.tombstones = memory.tombstones.filter { $0.value >= burial }
        }
        await self.attempt { try await self.store.prune(notSeenSince: time, buriedBefore: burial) }
    }

    private static func remove(_ reference: DownloadReference, from memory: inout Memory) {
        memory.downloads[reference] = nil
        memory.listings.removeAll { key, listing in
            key.provider == reference.provider && listing.downloads.contains { $0.reference == reference }
        }
    }

    @discardableResult
    private func attempt<Result: Sendable>(_ work: @Sendable () async throws -> Result) async -> Result? {
        do {
            return try await work()
        } catch is CancellationError {
            return nil
        } catch {
            self.logger.error("The catalogue's store failed.", metadata: ["error": "\(error)"])
            return nil
        }
    }
}

/// A download that was deleted through the gateway.
enum Tombstone {
    /// What it is found by: provider and the SHA-256 of the reference.
    struct Key: Hashable, Sendable {
        let provider: ProviderID
        let digest: Data

        init(_ reference: DownloadReference) {
            self.init(provider: reference.provider, digest: DownloadID.digest(of: reference))
        }

        init(provider: ProviderID, digest: Data) {
            self.provider = provider
            self.digest = digest
        }
    }
}
