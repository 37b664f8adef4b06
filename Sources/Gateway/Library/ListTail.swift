// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// What one listener of a list has not been told yet: downloads that came, that changed, and that are gone.
///
/// Who comes back is told of the last change again rather than missing one.
actor ListTail {
    /// A change.
    struct Event: Sendable {
        /// As it is now, or was last.
        let listed: ListedDownload
        let isDeletion: Bool
        /// What a listener that comes back goes on after.
        let number: Int64
    }

    private let watch: DownloadWatch
    private let request: ListRequest
    private let caller: Caller
    /// What the listener knows, by id; `nil` before the first look.
    private var known: [String: ListedDownload]?
    /// The number of the last change that was looked at.
    private var number: Int64

    /// Begins with what changes from now on, or after change number `last`.
    init(_ request: ListRequest, after last: Int64?, for caller: Caller, by watch: DownloadWatch) {
        self.watch = watch
        var request = request
        request.window = .all
        request.recency = DownloadWatch.recency(of: request)
        self.request = request
        self.caller = caller
        self.number = last ?? -1
    }

    /// The next changes, once there are some.
    func next() async throws -> [Event] {
        while true {
            let number = self.watch.feed.last
            let list = await self.watch.library.list(self.request, for: self.caller)
            let events = await self.changes(in: list, number)
            self.number = number
            if !events.isEmpty { return events }
            try await self.watch.pause(after: number, self.request.recency)
        }
    }

    private func changes(in list: DownloadList, _ number: Int64) async -> [Event] {
        var now = Dictionary(list.downloads.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        guard let known = self.known else {
            self.known = now
            return self.missed(in: list, number)
        }
        var events = list.downloads.filter { known[$0.id]?.download != $0.download }
            .map { Event(listed: $0, isDeletion: false, number: number) }
        let silent = Set(list.sources.filter { $0.state == .failed || $0.isTruncated }.map(\.provider))
        for (id, last) in known.sorted(by: { $0.key < $1.key }) where now[id] == nil {
            // What a provider that does not answer holds is not gone.
            if silent.contains(last.download.reference.provider) {
                now[id] = last
            } else {
                events.append(await self.departure(of: last, number))
            }
        }
        self.known = now
        return events
    }

    /// What became of a download that is in the list no more: it is gone, or it is no longer what was asked for.
    private func departure(of last: ListedDownload, _ number: Int64) async -> Event {
        let library = self.watch.library
        guard let listed = try? await library.download(last.id, for: self.caller, self.request.recency) else {
            return Event(listed: last, isDeletion: true, number: number)
        }
        return Event(listed: listed, isDeletion: false, number: number)
    }

    /// What a listener that comes back has missed; nothing for a new one.
    private func missed(in list: DownloadList, _ number: Int64) -> [Event] {
        guard self.number >= 0 else { return [] }
        let news = self.watch.feed.news(after: self.number)
        let changed = Set(news.changes.map(\.reference))
        let ids = self.watch.library.directory.current.ids
        let names = Set(changed.map(ids.id(for:)))
        return list.downloads.filter { !news.isComplete || names.contains($0.id) }
            .map { Event(listed: $0, isDeletion: false, number: number) }
    }
}
