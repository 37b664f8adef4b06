// SPDX-License-Identifier: Apache-2.0

/// What one listener of the log has not seen yet, read from the store at the listener's own speed.
actor LogTail {
    private let store: LogStore
    private let query: LogQuery
    private let keyId: String?
    private let changes: AsyncStream<Int64>
    /// The number of the last entry that was handed out, or that does not match.
    private var seen: Int64
    /// The number of the newest entry that is known to be written.
    private var newest: Int64

    /// Entries that go out at once.
    private static let pageSize = 100

    /// Begins after entry number `last`, or with what is written from now on.
    ///
    /// What was recorded before is written first, so that it does not come as something new.
    init(
        after last: Int64?,
        of log: LogWriter,
        in store: LogStore,
        matching query: LogQuery,
        keyId: String?
    ) async throws(StoreError) {
        self.store = store
        self.query = query
        self.keyId = keyId
        // Listening begins before looking, so that nothing is written in between unseen.
        self.changes = log.feed.changes()
        await log.flush()
        let newest = try await store.newestId()
        self.newest = newest
        // A number that is not there yet is of another log: the store was replaced.
        self.seen = min(last ?? newest, newest)
    }

    /// The next entries, the oldest first, once there are some; `nil` when the log is closed.
    func next() async throws(StoreError) -> [LogEntry]? {
        while true {
            if self.seen < self.newest {
                let entries = try await self.store.entries(
                    after: self.seen,
                    matching: self.query,
                    keyId: self.keyId,
                    limit: Self.pageSize
                )
                let last = entries.last.flatMap { LogTail.number(ofEntry: $0.id) } ?? 0
                // Behind a full page there may be more; behind any other, nothing up to the newest matches.
                self.seen = entries.count == Self.pageSize ? last : max(self.newest, last)
                if !entries.isEmpty { return entries }
            }
            guard let newest = await self.changes.first(where: { _ in true }) else { return nil }
            self.newest = newest
        }
    }

    /// The number in the id of an entry; `nil` where it is none.
    static func number(ofEntry id: String) -> Int64? {
        guard id.hasPrefix("log_"), let number = Int64(id.dropFirst(4)), number > 0, id == "log_\(number)" else {
            return nil
        }
        return number
    }
}
