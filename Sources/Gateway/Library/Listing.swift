// SPDX-License-Identifier: Apache-2.0

import Downloads
public import Foundation

/// A question that a provider can be asked for downloads, and under which its answer is kept.
struct ListingKey: Hashable, Sendable {
    let provider: ProviderID
    let session: String?
    /// Only the filters that this provider applies itself.
    let filter: DownloadFilter
    /// See ``ProviderSet/Entry/epoch``.
    let epoch: Int

    /// The one way to make a key: the whole container and the whole filter that went to the upstream.
    init(entry: ProviderSet.Entry, session: String?, filter: DownloadFilter) {
        self.provider = entry.id
        self.session = session
        self.filter = filter.narrowed(to: entry.capabilities.filters)
        self.epoch = entry.epoch
    }
}

/// A provider's answer to a ``ListingKey``, and when it was given.
struct Listing: Sendable {
    /// The downloads, in the upstream's order; empty where the container is unknown.
    var downloads: [Download]
    /// The upstream does not know the container.
    var isAbsent: Bool
    /// The answer was cut at the bound on one container.
    var isTruncated: Bool
    /// When it was given.
    var fetchedAt: Date

    /// Whole seconds since it was given.
    func age(at now: Date) -> TimeInterval { max(0, now.timeIntervalSince(self.fetchedAt)) }
}

/// How old an answer may be.
public struct Freshness: Sendable, Hashable {
    /// Until then an answer is served without asking.
    public var freshFor: TimeInterval
    /// The same for a transfer that is under way; `nil`: it is always asked about.
    public var runningFor: TimeInterval?
    /// Until then it is served while, or because, the upstream cannot be waited for.
    public var staleFor: TimeInterval

    /// Creates bounds, in seconds.
    public init(freshFor: TimeInterval = 30, runningFor: TimeInterval? = nil, staleFor: TimeInterval = 86_400) {
        self.freshFor = freshFor
        self.runningFor = runningFor
        self.staleFor = staleFor
    }

    /// Whether what was said of a download `age` ago is served without asking.
    func covers(_ download: Download, age: TimeInterval) -> Bool {
        let longest = download.isSettled ? self.freshFor : self.runningFor
        return longest.map { age <= $0 } ?? false
    }
}
