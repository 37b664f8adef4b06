// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging

extension JobRunner {
    /// One try of a job, from its row to its row.
    func attempt(_ id: UUID) async {
        guard let begun = await self.persisting({ try await self.table.apply(.begin(at: self.now()), to: id) }),
            let job = begun
        else { return }
        self.feed.announce(job.reference)
        guard let request = try? await self.table.request(of: job) else {
            // The master secret is another one, say.
            return await self.fail(
                job,
                DownloadFailure(code: .invalidURL, message: "The request cannot be read any more.")
            )
        }
        guard let provider = self.directory.current.providers[job.provider]?.provider else {
            let failure = ProviderError(.unavailable, retry: .now, message: "The provider is not there now.")
            return await self.settle(job, request, nil, .failure(failure), spent: .zero)
        }
        let begin = self.instant()
        let result = await self.fetch(job, request, from: provider)
        await self.settle(job, request, provider, result, spent: begin.duration(to: self.instant()))
    }

    /// Has the provider work on the job until it is done, its time is up, or it is ended from here.
    private func fetch(
        _ job: Job,
        _ request: CreateRequest,
        from provider: any Provider
    ) async -> Result<Download, ProviderError> {
        let left = request.timeout - job.spent
        guard self.running[job.id]?.ending == nil else { return .failure(.cancelled) }
        let (work, report) = (CreateWork(job, request), self.report(of: job))
        // Not on this actor: every piece of every body would pass through it.
        let create = Task { @concurrent () -> Result<Download, ProviderError> in
            do throws(ProviderError) {
                return .success(try await provider.create(work, report))
            } catch {
                return .failure(error)
            }
        }
        self.running[job.id]?.fetch = Task {
            await withTaskCancellationHandler {
                _ = await create.value
            } onCancel: {
                create.cancel()
            }
        }
        let timer = Task {
            guard (try? await self.sleep(max(left, .zero))) != nil else { return }
            self.end(job.id, .timeout)
        }
        let result = await create.value
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
        _ request: CreateRequest,
        _ provider: (any Provider)?,
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
            await self.giveUp(job, request, provider, DownloadFailure(code: .downloadTimeout, message: words))
        case (.failure(let error), nil):
            await self.tryAgain(job, request, provider, after: error, spent: spent)
        }
    }

    private func tryAgain(
        _ job: Job,
        _ request: CreateRequest,
        _ provider: (any Provider)?,
        after error: ProviderError,
        spent: Duration
    ) async {
        let received = self.progress.last(of: job.id)?.receivedBytes ?? 0
        var job = job
        job.tries = received > job.receivedBytes ?? 0 ? 1 : job.tries + 1
        let pause = JobPolicy.pause(after: error, tries: job.tries, random: .random(in: 0...1))
        self.logger.info(
            "A try to bring in a URL failed: \(error.message)",
            metadata: [
                "job": "\(job.id)", "host": "\(job.host)", "try": "\(job.tries)", "cause": "\(error.cause ?? "-")",
                "pause": "\(pause.map { "\($0)" } ?? "none")",
            ]
        )
        // With the pause its time would be up: why it failed says more than that.
        guard let pause, job.spent + spent + pause < request.timeout else {
            return await self.giveUp(job, request, provider, DownloadFailure(error))
        }
        job.spent += spent + pause
        job.nextTryAt = self.now().addingTimeInterval(pause / .seconds(1))
        self.tries.add(.retried)
        await self.wait(job)
    }

    /// Puts a job back into line.
    private func wait(_ job: Job) async {
        guard let row = await self.persisting({ try await self.table.apply(.wait(job), to: job.id) }), let row else {
            return
        }
        self.feed.announce(row.reference)
        if self.isServing { self.queue(row) }
    }

    private func complete(_ job: Job, _ download: Download) async {
        let time = self.now()
        _ = await self.persisting { try await self.table.apply(try .complete(download, at: time), to: job.id) }
        self.feed.announce(job.reference)
    }

    /// Removes what is left of a job, and says why it failed.
    private func giveUp(
        _ job: Job,
        _ request: CreateRequest,
        _ provider: (any Provider)?,
        _ failure: DownloadFailure
    ) async {
        do {
            // With what this try kept, too.
            let latest = try await self.table.job(job.id) ?? job
            try await provider?.abandon(CreateWork(latest, request))
        } catch {
            self.logger.warning(
                "A failed job may have left something behind.",
                metadata: ["job": "\(job.id)", "error": "\(error)"]
            )
        }
        self.tries.add(.failed)
        await self.fail(job, failure)
    }

    private func fail(_ job: Job, _ failure: DownloadFailure) async {
        self.logger.notice(
            "A URL was not brought in: \(failure.message)",
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

extension CreateWork {
    /// A job at its next try.
    init(_ job: Job, _ request: CreateRequest) {
        self.init(
            id: job.id,
            owner: job.caller,
            createdAt: job.createdAt,
            request: request,
            checkpoint: job.checkpoint
        )
    }
}
