// SPDX-License-Identifier: Apache-2.0

extension DownloadFeed {
    /// Returns when something has changed after `number`, or when `time` is over.
    ///
    /// Throws only where the task is cancelled.
    func change(
        after number: Int64,
        within time: Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) async throws {
        // Listening begins before looking, so that nothing changes in between unseen.
        let changes = self.wakeups()
        guard self.last <= number else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for await last in changes where last > number { return }
                // The feed is closed: the gateway stops, and only the time is left to end this.
                try await sleep(time)
            }
            group.addTask { try await sleep(time) }
            try await group.next()
        }
    }
}
