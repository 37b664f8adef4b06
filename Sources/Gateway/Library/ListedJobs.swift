// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The jobs of one provider, to be merged with what the provider itself lists: each download once, under the job's id.
struct ListedJobs {
    struct Item: Equatable, Sendable {
        /// What the public id is made of.
        let reference: DownloadReference
        let download: Download
    }

    private let jobs: [Job]
    private let progress: JobProgress

    init(_ jobs: [Job], _ progress: JobProgress) {
        self.jobs = jobs
        self.progress = progress
    }

    /// What the provider lists, with the jobs in the place of what they brought.
    func merged(into conclusion: SourceGathering.Conclusion) -> [Item] {
        guard !self.jobs.isEmpty else {
            return conclusion.downloads.map { Item(reference: $0.reference, download: $0) }
        }
        let byListing = Dictionary(
            self.jobs.compactMap { job in job.listedAs.map { ($0, job) } },
            uniquingKeysWith: { first, _ in first }
        )
        var completed: Set<UUID> = []
        let listed = conclusion.downloads.compactMap { download -> Item? in
            guard let job = byListing[download.reference] else {
                return Item(reference: download.reference, download: download)
            }
            // How a job stands that has not completed, or did not, the gateway knows better.
            guard job.status == .completed else { return nil }
            completed.insert(job.id)
            var download = download
            job.dress(&download)
            return Item(reference: job.reference, download: download)
        }
        let rest = self.jobs.filter { !completed.contains($0.id) && !self.isGone($0, conclusion) }
        return listed
            + rest.map { job in
                Item(reference: job.reference, download: job.download(self.progress.progress(of: job.id)))
            }
    }

    /// Whether the provider, asked after the job completed, no longer has what it brought.
    private func isGone(_ job: Job, _ conclusion: SourceGathering.Conclusion) -> Bool {
        guard job.status == .completed, let endedAt = job.endedAt,
            let knownAt = conclusion.knownAt[job.listedAs?.session]
        else { return false }
        return knownAt > endedAt
    }
}
