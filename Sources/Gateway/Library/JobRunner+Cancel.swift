// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging

extension JobRunner {
    /// Stops a job that has not ended and removes what is left of it; returns it as `cancelled`.
    ///
    /// Throws `conflict` where it has ended, and `unsupported` where the upstream cannot stop: then it goes on.
    func cancel(_ id: UUID) async throws -> Job {
        // In a task of its own: a caller that leaves must not leave half of it undone. One for all who ask meanwhile.
        let task = self.cancelling[id] ?? Task { try await self.carryOutCancel(of: id) }
        self.cancelling[id] = task
        return try await task.value
    }

    private func carryOutCancel(of id: UUID) async throws -> Job {
        defer { self.cancelling[id] = nil }
        self.unqueue(id)
        self.end(id, .cancel)
        await self.running[id]?.settled?.value
        guard let job = try await self.table.job(id) else { throw ProviderError.notFound() }
        guard job.isOpen else { throw Self.hasEnded }
        do {
            try await self.abandon(job)
            guard let cancelled = try await self.table.apply(.cancel(at: self.now()), to: id) else {
                throw Self.hasEnded
            }
            self.feed.announce(job.reference)
            return cancelled
        } catch {
            let job = try? await self.table.job(id)
            self.cancelling[id] = nil
            if let job, job.isOpen { self.queue(job) }
            throw error
        }
    }

    private static let hasEnded = ProviderError(.conflict, message: "The download has ended already.")

    private func abandon(_ job: Job) async throws {
        // What cannot be asked any more leaves nothing running that could be stopped.
        try await self.work(on: job)?.abandon()
    }

    /// Removes a job that has ended, its row and nothing else.
    func remove(_ job: Job) async throws {
        let table = self.table
        try await Task { try await table.remove(job.id) }.value
        self.feed.announce(job.reference, isDeletion: true)
    }
}
