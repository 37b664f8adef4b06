// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging

/// What became of a request to bring in a URL.
enum Creation: Sendable {
    /// It is queued.
    case made(ListedDownload)
    /// The same request with the same key was answered before.
    case replayed(ListedDownload)
    /// Another request came with the key before.
    case mismatch
    /// What the key made was deleted since.
    case deleted
    /// The caller has as many open downloads as it may.
    case tooMany
}

extension DownloadLibrary {
    /// Queues what is to be brought in; when this returns, a crash does not lose it.
    ///
    /// Throws ``ProviderError`` for what can be known at once, and what the store throws.
    func create(
        _ request: CreateRequest,
        in provider: ProviderID,
        _ idempotency: JobTable.Idempotency?,
        for caller: Caller
    ) async throws -> Creation {
        let asked = try self.receiver(provider, for: "bring in a URL") { $0.create }
        let plan = try await self.plan(request, by: asked, for: caller)
        try Self.checkMayBring(into: plan.session, of: provider, caller)
        let job = Job(
            id: UUID(),
            caller: caller.id,
            provider: provider,
            session: plan.session,
            host: plan.host,
            createdAt: self.now(),
            sourceURL: PublicURL.withoutCredentials(request.url),
            name: plan.name
        )
        return try await self.queue(job, .url(request), idempotency)
    }

    /// The provider that a file is to come into; throws where there is none, or it cannot take files in this way.
    func receiver(
        _ id: ProviderID,
        for operation: String,
        _ can: (Capabilities) -> Bool
    ) throws(ProviderError) -> any Provider {
        guard let entry = self.directory.current.providers[id] else { throw .notFound() }
        guard can(entry.capabilities) else { throw .unsupported(operation, by: id) }
        guard let provider = entry.provider else {
            throw ProviderError(.unavailable, message: "The provider '\(id)' has no usable credential.")
        }
        return provider
    }

    /// Refuses what is narrowed to other sessions.
    static func checkMayBring(into session: String?, of id: ProviderID, _ caller: Caller) throws(ProviderError) {
        guard caller.maySee(session: session, of: id) else {
            throw ProviderError(.downloadForbidden, message: "The key may not bring anything in there.")
        }
    }

    /// Commits a job and puts it into line.
    func queue(_ job: Job, _ request: JobRequest, _ idempotency: JobTable.Idempotency?) async throws -> Creation {
        switch try await self.jobs.insert(job, request, idempotency) {
        case .made:
            await self.jobs.queue(job)
            self.jobs.feed.announce(job.reference)
            return .made(self.listed(job))
        case .known(let id): return try await self.replayed(id)
        case .mismatch: return .mismatch
        case .tooMany: return .tooMany
        }
    }

    /// What the same request was answered before; `nil` for a new one.
    func known(_ idempotency: JobTable.Idempotency?, for caller: Caller) async throws -> Creation? {
        guard let idempotency else { return nil }
        switch try await self.jobs.table.known(idempotency, of: caller.id, at: self.now()) {
        case .known(let id): return try await self.replayed(id)
        case .mismatch: return .mismatch
        case .made, .tooMany, nil: return nil
        }
    }

    private func replayed(_ id: UUID) async throws -> Creation {
        guard let known = try await self.jobs.table.job(id) else { return .deleted }
        return .replayed(self.listed(known))
    }

    /// A job as the contract has it.
    func listed(_ job: Job) -> ListedDownload {
        ListedDownload(
            id: self.directory.current.ids.id(for: job.reference),
            download: job.download(self.jobs.progress.progress(of: job.id))
        )
    }

    private func plan(
        _ request: CreateRequest,
        by provider: any Provider,
        for caller: Caller
    ) async throws(ProviderError) -> CreatePlan {
        do throws(ProviderError) { return try await provider.plan(request) } catch {
            // The request's entry has the code; which rule it was that refused is for the operator.
            self.logger.notice(
                "A URL was refused: \(error.message)",
                metadata: ["provider": "\(provider.id)", "caller": "\(caller.id)", "cause": "\(error.cause ?? "-")"]
            )
            throw error
        }
    }

    /// Stops a download that is on its way.
    func cancel(_ id: String, for caller: Caller) async throws -> ListedDownload {
        let place = try await self.resolve(id, for: caller)
        guard let job = place.job else {
            let download = try await self.download(place, freshness: nil)
            guard !download.isSettled else {
                throw ProviderError(.conflict, message: "The download has ended already.")
            }
            throw ProviderError.unsupported("stop a download that was not begun here", by: place.reference.provider)
        }
        return ListedDownload(id: id, download: try await self.jobs.cancel(job.id).download(nil))
    }

    /// The job that a reference names, `nil` for a reference of an upstream; `notFound` where there is none any more.
    func job(of reference: DownloadReference) async throws(ProviderError) -> Job? {
        guard let id = Job.id(of: reference) else { return nil }
        let job: Job?
        do {
            job = try await self.jobs.table.job(id)
        } catch {
            throw ProviderError(.unavailable, message: "The gateway cannot read its store now.", cause: "\(error)")
        }
        guard let job, job.reference == reference else { throw .notFound() }
        return job
    }
}
