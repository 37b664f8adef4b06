// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Looks at downloads again and again for callers who wait.
///
/// What the gateway does itself wakes it at once. What happens upstream is asked for now and then, and any number of watchers
/// shares each answer: they cost their upstreams as much as one.
struct DownloadWatch: Sendable {
    let library: DownloadLibrary
    let instant: @Sendable () -> ContinuousClock.Instant
    let sleep: @Sendable (Duration) async throws -> Void

    /// How old the state of one download, or of one session, may be, in seconds.
    static let narrowInterval: TimeInterval = 2
    /// How old a list over many sessions may be, in seconds.
    static let wideInterval: TimeInterval = 15
    /// The pause between two looks, however much changes.
    private static let shortestPause = Duration.milliseconds(200)

    var feed: DownloadFeed { self.library.jobs.feed }

    /// How recent the answers to a question have to be while it is watched.
    static func recency(of request: ListRequest) -> Recency {
        .within(request.session == nil ? self.wideInterval : self.narrowInterval)
    }

    /// Returns when it is worth to look again.
    func pause(after number: Int64, _ recency: Recency, atMost longest: Duration = .seconds(60)) async throws {
        let interval: TimeInterval = if case .within(let limit) = recency { limit } else { Self.narrowInterval }
        try await self.sleep(min(Self.shortestPause, longest))
        try await self.feed.change(after: number, within: min(.seconds(interval), longest), sleep: self.sleep)
    }

    /// The list, held while it is empty: until something has arrived, or `time` is over.
    func list(_ request: ListRequest, for caller: Caller, waiting time: Duration) async throws -> DownloadList {
        var request = request
        let deadline = self.instant().advanced(by: time)
        while true {
            let number = self.feed.last
            let list = await self.library.list(request, for: caller)
            let rest = self.instant().duration(to: deadline)
            guard list.total == 0, rest > .zero else { return list }
            request.recency = Self.recency(of: request)
            try await self.pause(after: number, request.recency, atMost: rest)
        }
    }

    /// A download, held while it is on its way: until it has ended, or `time` is over.
    func download(
        _ id: String,
        for caller: Caller,
        _ recency: Recency,
        waiting time: Duration
    ) async throws -> ListedDownload {
        var recency = recency
        let deadline = self.instant().advanced(by: time)
        while true {
            let number = self.feed.last
            let listed = try await self.library.download(id, for: caller, recency)
            let rest = self.instant().duration(to: deadline)
            guard !listed.download.isSettled, rest > .zero else { return listed }
            recency = .within(Self.narrowInterval)
            try await self.pause(after: number, recency, atMost: rest)
        }
    }
}
