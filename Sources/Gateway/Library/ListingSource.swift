// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Answers what one container holds, from the catalogue where that is recent enough, else from its provider.
struct ListingSource: Sendable {
    /// An answer, and how it came about.
    struct Answer: Sendable {
        var listing: Listing
        var state: SourceReport.State
    }

    /// Most downloads that are taken from one container.
    static let longestListing = 10_000

    let catalogue: Catalogue
    let freshness: Freshness
    let now: @Sendable () -> Date
    let flights: SingleFlight<ListingKey, Result<Listing, ProviderError>>
    let sessionFlights: SingleFlight<SessionKey, Result<[Session], ProviderError>>

    /// A question for sessions.
    struct SessionKey: Hashable, Sendable {
        let provider: ProviderID
        let epoch: Int
    }

    // MARK: Downloads

    /// What is in memory, where it is fresh.
    func remembered(_ key: ListingKey) -> Answer? {
        guard let listing = self.catalogue.remembered(key), listing.age(at: self.now()) <= self.freshness.freshFor
        else {
            return nil
        }
        return Answer(listing: listing, state: .cached)
    }

    /// What the catalogue can answer at once; a stale answer is renewed in the background.
    func cached(_ key: ListingKey, from provider: any Provider) async -> Answer? {
        guard let listing = await self.catalogue.listing(for: key) else { return nil }
        let age = listing.age(at: self.now())
        if age <= self.freshness.freshFor { return Answer(listing: listing, state: .cached) }
        guard age <= self.freshness.staleFor else { return nil }
        self.fetch(key, from: provider)
        return Answer(listing: listing, state: .stale)
    }

    /// The last answer, where it may still stand in for an upstream that cannot be waited for.
    func fallback(_ key: ListingKey) async -> Answer? {
        guard let listing = await self.catalogue.listing(for: key),
            listing.age(at: self.now()) <= self.freshness.staleFor
        else { return nil }
        return Answer(listing: listing, state: .stale)
    }

    /// Asks the provider, together with everyone who asks the same now.
    func fresh(
        _ key: ListingKey,
        from provider: any Provider,
        recency: Recency
    ) async throws(ProviderError) -> Answer {
        let listing = try await self.fetch(key, from: provider, recency: recency).value.get()
        return Answer(listing: listing, state: .fresh)
    }

    @discardableResult
    private func fetch(
        _ key: ListingKey,
        from provider: any Provider,
        recency: Recency = .usual
    ) -> Task<Result<Listing, ProviderError>, Never> {
        let known = { () -> Result<Listing, ProviderError>? in
            guard let listing = self.catalogue.remembered(key),
                recency.accepts(age: listing.age(at: self.now()), freshFor: self.freshness.freshFor)
            else { return nil }
            return .success(listing)
        }
        return self.flights.join(key, known: known) {
            do throws(ProviderError) {
                let listing = try await self.readAll(key, from: provider)
                await self.catalogue.keep(listing, for: key)
                return .success(listing)
            } catch {
                return .failure(error)
            }
        }
    }

    private func readAll(_ key: ListingKey, from provider: any Provider) async throws(ProviderError) -> Listing {
        var listing = Listing(downloads: [], isAbsent: false, isTruncated: false, fetchedAt: self.now())
        var seen: Set<DownloadReference> = []
        var query = ListQuery(session: key.session, filter: key.filter)
        do throws(ProviderError) {
            repeat {
                let page = try await provider.list(query)
                let new = page.items.filter { seen.insert($0.reference).inserted }
                listing.downloads += new
                // A page that brings nothing new and yet names a next one would go on for ever.
                query.page = new.isEmpty ? nil : page.next
            } while query.page != nil && listing.downloads.count < Self.longestListing
        } catch {
            // Where a session's id was all that was asked, an upstream that calls it invalid does not know it: it is another
            // vendor's, and has another form.
            let isUnknown = error.kind == .invalidRequest && key.filter == DownloadFilter()
            guard error.kind == .notFound || isUnknown else { throw error }
            listing.isAbsent = true
        }
        listing.isTruncated = query.page != nil
        listing.downloads = Array(listing.downloads.prefix(Self.longestListing))
        return listing
    }

    // MARK: Sessions

    /// A provider's newest sessions, as far as they are known.
    struct NewestSessions: Sendable {
        /// At most as many as were asked for.
        var sessions: [Session]
        /// There are more.
        var isTruncated: Bool
        /// They stand in for an answer that could not be had.
        var isStale: Bool

        init(_ sessions: [Session], limit: Int, isStale: Bool = false) {
            self.sessions = Array(sessions.prefix(limit))
            self.isTruncated = sessions.count > limit
            self.isStale = isStale
        }
    }

    /// A provider's newest sessions, at most `limit`.
    func sessions(
        of provider: any Provider,
        epoch: Int,
        limit: Int,
        recency: Recency
    ) async throws(ProviderError) -> NewestSessions {
        let known = await self.catalogue.sessions(of: provider.id)
        let age = known.map { max(0, self.now().timeIntervalSince($0.fetchedAt)) } ?? .infinity
        if let known, recency.accepts(age: age, freshFor: self.freshness.freshFor) {
            return NewestSessions(known.sessions, limit: limit)
        }
        let flight = self.sessionFlights.join(SessionKey(provider: provider.id, epoch: epoch)) {
            do throws(ProviderError) {
                let sessions = try await provider.sessions(limit: limit + 1)
                await self.catalogue.keep(sessions, of: provider.id, epoch: epoch, fetchedAt: self.now())
                return .success(sessions)
            } catch {
                return .failure(error)
            }
        }
        if let known, recency == .usual, age <= self.freshness.staleFor {
            return NewestSessions(known.sessions, limit: limit)
        }
        switch await flight.value {
        case .success(let sessions): return NewestSessions(sessions, limit: limit)
        case .failure(let error):
            guard let known, age <= self.freshness.staleFor else { throw error }
            return NewestSessions(known.sessions, limit: limit, isStale: true)
        }
    }
}
