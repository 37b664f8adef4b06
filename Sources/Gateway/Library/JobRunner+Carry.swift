// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging

extension JobRunner {
    /// Carries what a caller sends into a provider, in one try; returns the job, which has completed.
    ///
    /// What fails leaves neither a file nor a job. The caller's leaving shows in the source.
    func carry(_ work: JobWork) async throws -> Job {
        let id = work.job.id
        self.running[id] = Running(entry: JobQueue.Entry(work.job), isCarried: true)
        self.cameIn(id)
        // In a task of its own: a caller that leaves must not leave half of it undone.
        let task = Task { await self.carryOut(work) }
        self.running[id]?.settled = Task { _ = await task.value }
        return try await withTaskCancellationHandler {
            try await task.value.get()
        } onCancel: {
            Task { await self.end(id, .stop) }
        }
    }

    private func carryOut(_ work: JobWork) async -> Result<Job, any Error> {
        let job = work.job
        let result = await self.run(work)
        defer {
            self.running[job.id] = nil
            self.progress.forget(job.id)
            self.fill()
        }
        do {
            switch result {
            case .success(let download):
                await self.complete(job, download)
                guard let completed = try await self.table.job(job.id) else { throw ProviderError.notFound() }
                return .success(completed)
            case .failure(let error):
                // Whoever cancelled it sees to the rest.
                guard self.running[job.id]?.ending != .cancel else {
                    throw ProviderError(.conflict, message: "The download was cancelled.")
                }
                await self.drop(job)
                throw error
            }
        } catch {
            return .failure(error)
        }
    }

    /// Removes what is left of a job, and the job; one that left something behind stays, as failed, to be seen.
    private func drop(_ job: Job) async {
        do {
            try await self.work(on: job)?.abandon()
            try await self.remove(job)
        } catch {
            self.logger.warning(
                "A file that broke off may have left something behind.",
                metadata: ["job": "\(job.id)", "error": "\(error)"]
            )
            await self.fail(job, DownloadFailure(code: .incomplete, message: "The file did not arrive whole."))
        }
    }
}
