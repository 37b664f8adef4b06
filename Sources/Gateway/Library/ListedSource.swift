// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// What one provider has for a list: what it lists itself, and the jobs that bring something into it.
///
/// Two of them are the same where they make the same ``items``; for the same answers from the catalogue that is seen at once.
struct ListedSource: Equatable, Sendable {
    struct Item: Equatable, Sendable {
        /// What the public id is made of.
        let reference: DownloadReference
        let download: Download
    }

    private struct RunningJob: Equatable, Sendable {
        let job: Job
        let progress: DownloadProgress?
    }

    private let listings: [[Download]]
    private let jobs: [RunningJob]
    private let knownAt: [String?: Date]
    private let capabilities: Capabilities

    init(
        _ conclusion: SourceGathering.Conclusion,
        _ jobs: [Job],
        _ progress: JobProgress,
        capabilities: Capabilities
    ) {
        self.capabilities = capabilities
        self.listings = conclusion.listings
        self.jobs = jobs.map { RunningJob(job: $0, progress: $0.isOpen ? progress.progress(of: $0.id) : nil) }
        // Only for jobs it matters how new a listing is.
        self.knownAt = jobs.isEmpty ? [:] : conclusion.knownAt
    }

    /// Each download once; a job stands in the place of what it brought.
    var items: [Item] {
        let listed = self.listings.joined()
        guard !self.jobs.isEmpty else { return listed.map { Item(reference: $0.reference, download: $0) } }
        let byListing = Dictionary(
            self.jobs.compactMap { running in running.job.listedAs.map { ($0, running.job) } },
            uniquingKeysWith: { first, _ in first }
        )
        let (unlisted, growing) = (self.unlistedJobs, self.growing)
        var completed: Set<UUID> = []
        let brought = listed.compactMap { download -> Item? in
            let place = Place(download)
            guard !growing.contains(place), download.status == .completed || !unlisted.contains(place) else {
                return nil
            }
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
        let rest = self.jobs.filter { !completed.contains($0.job.id) && !self.isGone($0.job) }
        return brought + rest.map { Item(reference: $0.job.reference, download: $0.job.download($0.progress)) }
    }

    /// Where something comes to lie.
    private struct Place: Hashable {
        let session: String?
        let name: String

        init(_ download: Download) { (self.session, self.name) = (download.reference.session, download.name) }
        init(_ job: Job) { (self.session, self.name) = (job.session, job.name) }
    }

    /// Where jobs run of which nobody knows yet how the provider lists them: what is on its way there is theirs.
    private var unlistedJobs: Set<Place> {
        Set(self.jobs.lazy.map(\.job).filter { $0.isOpen && $0.listedAs == nil }.map(Place.init))
    }

    /// Where files grow under their own names while they are put in: what is listed there is not whole yet.
    private var growing: Set<Place> {
        guard self.capabilities.namesAreIdentity else { return [] }
        return Set(self.jobs.lazy.map(\.job).filter { $0.isOpen && $0.isCopy }.map(Place.init))
    }

    /// Whether the provider, asked after the job completed, no longer has what it brought.
    private func isGone(_ job: Job) -> Bool {
        guard job.status == .completed, self.capabilities.listsUploads || !job.isCopy, let endedAt = job.endedAt,
            let knownAt = self.knownAt[job.listedAs?.session]
        else { return false }
        return knownAt > endedAt
    }
}
