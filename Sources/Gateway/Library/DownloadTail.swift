// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// What one listener of a download has not been told yet: each new state, up to the last.
actor DownloadTail {
    /// A state.
    struct Event: Sendable {
        enum Kind: String, Sendable { case progress, end, deleted }

        let kind: Kind
        let listed: ListedDownload
        /// The number of the change that it was seen after.
        let number: Int64
    }

    private let watch: DownloadWatch
    private let id: String
    private let caller: Caller
    private var told: ListedDownload?
    private var isOver = false

    init(_ id: String, for caller: Caller, by watch: DownloadWatch) {
        self.watch = watch
        self.id = id
        self.caller = caller
    }

    /// The next state, the present one at first; `nil` after the last.
    func next() async throws -> Event? {
        let recency = Recency.within(DownloadWatch.narrowInterval)
        while !self.isOver {
            let number = self.watch.feed.last
            if let event = try await self.look(recency, number) {
                self.isOver = event.kind != .progress
                return event
            }
            guard !self.isOver else { break }
            try await self.watch.pause(after: number, recency)
        }
        return nil
    }

    private func look(_ recency: Recency, _ number: Int64) async throws -> Event? {
        do throws(ProviderError) {
            let listed = try await self.watch.library.download(self.id, for: self.caller, recency)
            let isNew = listed.download != self.told?.download
            self.told = listed
            if listed.download.isSettled { return Event(kind: .end, listed: listed, number: number) }
            return isNew ? Event(kind: .progress, listed: listed, number: number) : nil
        } catch {
            guard error.kind == .notFound else {
                // An upstream that is down for a while has not ended the download.
                guard self.told != nil, error.mayBeStoodInFor else { throw error }
                return nil
            }
            self.isOver = true
            return self.told.map { Event(kind: .deleted, listed: $0, number: number) }
        }
    }
}
