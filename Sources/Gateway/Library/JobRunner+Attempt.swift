// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging

extension JobRunner {
    /// When a job whose row could not be read is looked at again, in seconds.
    private static let pauseForStore: TimeInterval = 10

    /// One try of a job, from its row to its row.
    func attempt(_ id: UUID) async {
        guard let begun = await self.persisting({ try await self.table.apply(.begin(at: self.now()), to: id) }),
            let job = begun
        else { return }
        self.feed.announce(job.reference)
        guard let kept = await self.read(job) else { return }
        guard let work = self.work(on: job, kept) else {
            let failure = ProviderError(.unavailable, retry: .now, message: "The provider is not there now.")
            return await self.settle(job, kept.request, .failure(failure), spent: .zero)
        }
        let begin = self.instant()
        let result = await self.run(work)
        await self.settle(job, kept.request, result, spent: begin.duration(to: self.instant()))
    }

    /// What a job was asked to do; where that cannot be read, what becomes of the job is said in its row.
    private func read(_ job: Job) async -> JobTable.Kept? {
        do {
            if let kept = try await self.table.kept(of: job) { return kept }
            // Its row was moved, say.
            let words = "The request cannot be read any more."
            await self.fail(job, DownloadFailure(code: .invalidURL, message: words))
        } catch {
            // The store does not answer now, or its master secret was exchanged for one that this process does not know yet.
            self.logger.error("A job cannot be read now.", metadata: ["job": "\(job.id)", "error": "\(error)"])
            var job = job
            job.nextTryAt = self.now().addingTimeInterval(Self.pauseForStore)
            await self.wait(job)
        }
        return nil
    }

    /// A job with all that a try takes; `nil` where that is not there any more.
    func work(on job: Job) async throws -> JobWork? {
        try await self.table.kept(of: job).flatMap { self.work(on: job, $0) }
    }

    private func work(on job: Job, _ kept: JobTable.Kept) -> JobWork? {
        guard let provider = self.directory.current.providers[job.provider]?.provider else { return nil }
        return JobWork(
            job: job,
            request: kept.request,
            checkpoint: kept.checkpoint,
            provider: provider,
            sources: self.sources
        )
    }

    /// Has the provider work on the job until it is done, its time is up, or it is ended from here.
    func run(_ work: JobWork) async -> Result<Download, ProviderError> {
        let (job, report) = (work.job, self.report(of: work.job))
        let left = work.request.timeout - job.spent
        guard self.running[job.id]?.ending == nil else { return .failure(.cancelled) }
        let attempt = Task { await work.run(report) }
        self.running[job.id]?.fetch = Task {
            await withTaskCancellationHandler {
                _ = await attempt.value
            } onCancel: {
                attempt.cancel()
            }
        }
        let timer = Task {
            guard (try? await self.sleep(max(left, .zero))) != nil, !Task.isCancelled else { return }
            self.end(job.id, .timeout)
        }
        let result = await attempt.value
        timer.cancel()
        return result
    }

    private nonisolated func report(of job: Job) -> CreateReport {
        let (id, reference) = (job.id, job.reference)
        return CreateReport(
            progress: { progress in
                guard self.progress.note(progress, of: id, at: self.instant()) else { return }
                self.feed.announce(reference)
            },
            keep: { checkpoint, listed in
                // In a task of its own: in a cancelled one nothing would be written.
                await Task { await self.keep(checkpoint, listed, of: id) }.value
            }
        )
    }

    private func keep(_ checkpoint: Data, _ listed: DownloadReference?, of id: UUID) async {
        do {
            try await self.table.apply(.checkpoint(checkpoint, self.progress.last(of: id), listed), to: id)
        } catch {
            // The next try goes on from an earlier one.
            self.logger.error("A checkpoint was not kept.", metadata: ["job": "\(id)", "error": "\(error)"])
        }
    }

    // MARK: What becomes of it

    private func settle(
        _ job: Job,
        _ request: JobRequest,
        _ result: Result<Download, ProviderError>,
        spent: Duration
    ) async {
        switch (result, self.running[job.id]?.ending) {
        case (.success(let download), _):
            self.tries.add(.completed)
            await self.complete(job, download)
        case (.failure, .stop):
            var job = job
            job.spent += spent
            await self.wait(job)
        case (.failure, .cancel):
            break
        case (.failure, .timeout):
            let words = "It took longer than \(request.timeout.components.seconds) seconds."
            await self.giveUp(job, DownloadFailure(code: .downloadTimeout, message: words))
        case (.failure(let error), nil):
            await self.tryAgain(job, request, after: error, spent: spent)
        }
    }

    private func tryAgain(
        _ job: Job,
        _ request: JobRequest,
        after error: ProviderError,
        spent: Duration
    ) async {
        let received = self.progress.last(of: job.id)?.receivedBytes ?? 0
        var job = job
        // A try that begins at the first byte again must get further than any before it.
        job.tries = received > job.receivedBytes ?? 0 ? 1 : job.tries + 1
        job.receivedBytes = max(job.receivedBytes ?? 0, received)
        let pause = JobPolicy.pause(after: error, tries: job.tries, random: .random(in: 0...1))
        self.logger.info(
            "A try to bring in a file failed: \(error.message)",
            metadata: [
                "job": "\(job.id)", "host": "\(job.host)", "try": "\(job.tries)", "cause": "\(error.cause ?? "-")",
                "pause": "\(pause.map { "\($0)" } ?? "none")",
            ]
        )
        // With the pause its time would be up: why it failed says more than that.
        guard let pause, job.spent + spent + pause < request.timeout else {
            return await self.giveUp(job, DownloadFailure(error, isCopy: job.isCopy))
        }
        job.spent += spent + pause
        job.nextTryAt = self.now().addingTimeInterval(pause / .seconds(1))
        self.tries.add(.retried)
        await self.wait(job)
    }

    /// Has a job wait for another try; it is in line again once this one is over, so that no two run at a time.
    private func wait(_ job: Job) async {
        guard let row = await self.persisting({ try await self.table.apply(.wait(job), to: job.id) }), let row else {
            return
        }
        self.feed.announce(row.reference)
        self.running[row.id]?.next = JobQueue.Entry(row)
    }

    func complete(_ job: Job, _ download: Download) async {
        let time = self.now()
        // It may have taken the place of a file that was known.
        await self.catalogue.forget(download.reference)
        _ = await self.persisting { try await self.table.apply(try .complete(download, at: time), to: job.id) }
        self.feed.announce(job.reference)
    }

    /// Removes what is left of a job, and says why it failed.
    private func giveUp(
        _ job: Job,
        _ failure: DownloadFailure
    ) async {
        do {
            // With what this try kept, too.
            try await self.work(on: job)?.abandon()
        } catch {
            self.logger.warning(
                "A failed job may have left something behind.",
                metadata: ["job": "\(job.id)", "error": "\(error)"]
            )
        }
        self.tries.add(.failed)
        await self.fail(job, failure)
    }

    func fail(_ job: Job, _ failure: DownloadFailure) async {
        self.logger.notice(
            "A file was not brought in: \(failure.message)",
            metadata: ["job": "\(job.id)", "host": "\(job.host)", "code": "\(failure.code.rawValue)"]
        )
        _ = await self.persisting { try await self.table.apply(.fail(failure, at: self.now()), to: job.id) }
        self.feed.announce(job.reference)
    }

    /// Writes until the store takes it; `nil` where the gateway stops before.
    private func persisting<Value: Sendable>(
        _ write: @Sendable () async throws -> Value
    ) async -> Value? {
        while true {
            do {
                return try await write()
            } catch {
                self.logger.error("A job's state was not kept; trying again.", metadata: ["error": "\(error)"])
                guard self.isServing else { return nil }
                try? await self.sleep(.seconds(1))
            }
        }
    }
}
