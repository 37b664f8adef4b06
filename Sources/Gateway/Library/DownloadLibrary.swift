// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Logging
import NIOConcurrencyHelpers

/// How a list without `sessionId` is gathered.
public struct FanOut: Sendable, Hashable {
    /// Nobody waits longer than this for a list, in seconds.
    public var deadline: Double
    /// How many of a provider's newest sessions are asked.
    public var sessions: Int
    /// How many of them at once.
    public var concurrency: Int

    /// Creates the bounds.
    public init(deadline: Double = 5, sessions: Int = 50, concurrency: Int = 8) {
        self.deadline = deadline
        self.sessions = sessions
        self.concurrency = concurrency
    }
}

/// The use cases: list downloads over all providers, know one, open its bytes, delete it.
///
/// It knows no HTTP and no upstream. What a caller may not see answers exactly like what does not exist.
final class DownloadLibrary: Sendable {
    let directory: ProviderDirectory
    let catalogue: Catalogue
    let digests: MeasuredDigests
    let source: ListingSource
    let fanOut: FanOut
    let archives: ArchivePolicy
    let spools: SpoolFolder
    let now: @Sendable () -> Date
    /// How a body goes on that broke off; see ``UnbrokenBody``.
    let resuming: RetryPolicy
    /// How many bodies did.
    let resumed = Counter()
    /// How many bodies were sent without coming into this process; see ``ContentReader/relay(into:atMost:)``.
    let relayed = Counter()
    /// What callers had brought in.
    let jobs: JobRunner
    let logger: Logger
    let matchCache = MatchCache()
    /// What providers contributed to lists.
    let sourceStates = Tally<SourceReport.State>()
    private let flights = SingleFlight<Place.Key, Result<Download, ProviderError>>()

    init(
        directory: ProviderDirectory,
        catalogue: Catalogue,
        digests: MeasuredDigests,
        freshness: Freshness,
        fanOut: FanOut,
        archives: ArchivePolicy,
        spools: SpoolFolder,
        now: @escaping @Sendable () -> Date,
        resuming: RetryPolicy,
        jobs: JobRunner,
        logger: Logger
    ) {
        self.directory = directory
        self.catalogue = catalogue
        self.digests = digests
        self.fanOut = fanOut
        self.archives = archives
        self.spools = spools
        self.now = now
        self.resuming = resuming
        self.jobs = jobs
        self.logger = logger
        self.source = ListingSource(
            catalogue: catalogue,
            freshness: freshness,
            now: now,
            flights: SingleFlight(),
            sessionFlights: SingleFlight()
        )
    }

    /// What the id of a download names, and who holds it; `notFound` where the caller may not see it.
    func resolve(_ id: String, for caller: Caller) async throws(ProviderError) -> Place {
        let directory = self.directory.current
        guard let target = directory.ids.target(of: id) else { throw .notFound() }
        let reference: DownloadReference
        switch target {
        case .reference(let whole): reference = whole
        case .digest(let provider, let digest):
            guard let found = await self.reference(digest: digest, of: provider, for: caller) else { throw .notFound() }
            reference = found
        }
        guard caller.maySee(reference), let entry = directory.providers[reference.provider] else { throw .notFound() }
        let job = try await self.job(of: reference)
        guard let place = Place(job.map(\.currentReference) ?? reference, in: directory.providers, job: job) else {
            throw ProviderError(.unavailable, message: "The provider '\(entry.id)' has no usable credential.")
        }
        return place
    }

    /// The reference that is too long for an id: from the catalogue, else by listing what the provider holds.
    private func reference(
        digest: Data,
        of provider: ProviderID,
        for caller: Caller
    ) async -> DownloadReference? {
        if let known = await self.catalogue.reference(digest: digest, of: provider) { return known }
        let list = await self.list(ListRequest(providers: [provider]), for: caller)
        return list.downloads.map(\.download.reference).first { DownloadID.digest(of: $0) == digest }
    }

    /// What is known of a download, asked anew where that is older than `recency` allows.
    ///
    /// An upstream that cannot answer now is stood in for by what is known, up to `staleFor`.
    func download(_ place: Place, _ recency: Recency = .usual) async throws(ProviderError) -> Download {
        self.digests.completing(try await self.download(place, freshness: self.freshness(recency)))
    }

    /// The same by its id.
    func download(
        _ id: String,
        for caller: Caller,
        _ recency: Recency
    ) async throws(ProviderError) -> ListedDownload {
        let place = try await self.resolve(id, for: caller)
        return ListedDownload(id: id, download: try await self.download(place, recency))
    }

    /// Removes a download, one that is on its way too; the next try is `notFound`.
    func delete(_ id: String, for caller: Caller) async throws {
        let place = try await self.resolve(id, for: caller)
        guard let job = place.job else { return try await self.delete(place) }
        if job.isOpen {
            do {
                return try await self.jobs.remove(try await self.jobs.cancel(job.id))
            } catch let error as ProviderError where error.kind == .conflict {
                // It ended meanwhile.
                return try await self.delete(id, for: caller)
            }
        }
        if job.status == .completed { try await self.delete(place) }
        try await self.jobs.remove(job)
    }

    private func delete(_ place: Place) async throws(ProviderError) {
        let reference = place.reference
        // An upstream's history may still name what was deleted, and would let it be deleted again.
        if self.catalogue.hasTombstone(of: reference) {
            _ = try await self.download(place, freshness: nil)
        }
        do throws(ProviderError) {
            try await place.provider.delete(reference)
        } catch {
            if error.kind == .notFound { await self.catalogue.forget(reference) }
            throw error
        }
        await self.catalogue.bury(reference, at: self.now())
        if place.job == nil { self.jobs.feed.announce(reference, isDeletion: true) }
    }

    var freshness: Freshness { self.source.freshness }

    /// `nil`: always asked.
    private func freshness(_ recency: Recency) -> Freshness? {
        switch recency {
        case .usual: return self.freshness
        case .within(let limit):
            return Freshness(freshFor: limit, runningFor: limit, staleFor: self.freshness.staleFor)
        case .anew: return nil
        }
    }

    /// `freshness` `nil`: always asked.
    func download(_ place: Place, freshness: Freshness?) async throws(ProviderError) -> Download {
        guard let job = place.job else { return try await self.upstreamDownload(place, freshness: freshness) }
        guard job.status == .completed else { return job.download(self.jobs.progress.progress(of: job.id)) }
        var download = try await self.upstreamDownload(place, freshness: freshness)
        job.dress(&download)
        return download
    }

    private func upstreamDownload(_ place: Place, freshness: Freshness?) async throws(ProviderError) -> Download {
        let reference = place.reference
        let known = await self.catalogue.download(reference)
        let age = known.map { self.now().timeIntervalSince($0.seenAt) } ?? .infinity
        if let known, let freshness, freshness.covers(known.download, age: age) {
            return try self.unlessBuried(known.download)
        }
        do throws(ProviderError) {
            return try self.unlessBuried(try await self.fetch(place))
        } catch {
            if error.kind == .notFound { await self.catalogue.forget(reference) }
            guard let known, age <= self.freshness.staleFor, error.mayBeStoodInFor else { throw error }
            return try self.unlessBuried(known.download)
        }
    }

    /// What is known of an upstream's download, where that is fresh and at hand; `nil` where anybody would have to be asked.
    func known(_ reference: DownloadReference, epoch: Int) -> Download? {
        guard let entry = self.directory.current.providers[reference.provider], entry.provider != nil,
            entry.epoch == epoch, let known = self.catalogue.remembered(reference),
            self.freshness.covers(known.download, age: self.now().timeIntervalSince(known.seenAt)),
            !self.catalogue.isBuried(known.download)
        else { return nil }
        return self.digests.completing(known.download)
    }

    /// Asks the provider, together with everyone who asks the same now.
    private func fetch(_ place: Place) async throws(ProviderError) -> Download {
        let flight = self.flights.join(place.key) {
            do throws(ProviderError) {
                let download = try await place.provider.download(place.reference)
                await self.catalogue.keep(download, epoch: place.epoch, seenAt: self.now())
                return .success(download)
            } catch {
                return .failure(error)
            }
        }
        return try await flight.value.get()
    }

    private func unlessBuried(_ download: Download) throws(ProviderError) -> Download {
        guard !self.catalogue.isBuried(download) else { throw .notFound() }
        return download
    }
}

extension DownloadLibrary {
    /// A download at the provider that a request began with.
    struct Place: Sendable {
        struct Key: Hashable, Sendable {
            let reference: DownloadReference
            let epoch: Int
        }

        let reference: DownloadReference
        let provider: any Provider
        /// See ``ProviderSet/Entry/epoch``.
        let epoch: Int

        /// What it was brought in by, where it was.
        let job: Job?

        /// `nil` where the provider is not there, or cannot be asked.
        init?(_ reference: DownloadReference, in providers: ProviderSet, job: Job? = nil) {
            guard let entry = providers[reference.provider], let provider = entry.provider else { return nil }
            self.reference = reference
            self.provider = provider
            self.epoch = entry.epoch
            self.job = job
        }

        var key: Key { Key(reference: self.reference, epoch: self.epoch) }
    }
}

extension Download {
    /// Whether it will not change by itself: a running transfer is always asked anew.
    var isSettled: Bool { self.status != .queued && self.status != .downloading }
}

extension ProviderError {
    /// Whether an older answer may be served in place of this failure.
    var mayBeStoodInFor: Bool {
        switch self.kind {
        case .unavailable, .timeout, .rateLimited, .malformedResponse, .upstream: true
        case .notFound, .unsupported, .invalidRequest, .invalidURL, .unauthorized, .permission, .downloadForbidden,
            .conflict, .machineNotRunning, .notReady, .failed, .rangeNotSatisfiable, .addressRefused, .cancelled:
            false
        }
    }
}
