// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension DownloadLibrary {
    /// Puts what a caller sends into a provider; returns once that holds it whole.
    ///
    /// All that can be known to fail is refused before `source` is opened. What fails, and what is broken off, leaves neither a file
    /// nor a job; what a crash leaves is removed at the next start.
    func upload(
        _ source: UploadSource,
        to target: UploadTarget,
        mimeType: String?,
        for caller: Caller
    ) async throws -> ListedDownload {
        let request = target.request(name: "", mimeType: mimeType)
        let (provider, plan) = try await self.planned(request, in: target.provider, for: caller)
        let job = Job(
            id: UUID(),
            caller: caller.id,
            provider: target.provider,
            session: plan.session,
            host: "",
            createdAt: self.now(),
            sourceURL: nil,
            name: request.filename,
            status: .downloading
        )
        let wanted = JobRequest.upload(request, timeout: .seconds(self.jobs.policy.copyTimeout))
        guard try await self.jobs.insert(job, wanted, nil) == .made else {
            throw ProviderError(.rateLimited, message: "The caller has as many downloads on their way as it may have.")
        }
        self.jobs.feed.announce(job.reference)
        let work = JobWork(
            job: job,
            request: wanted,
            checkpoint: nil,
            provider: provider,
            sources: self,
            given: source
        )
        return self.listed(try await self.jobs.carry(work))
    }
}
