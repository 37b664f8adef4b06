// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Where a caller wants a file to be put.
struct UploadTarget: Hashable, Sendable {
    var provider: ProviderID
    var session: String?
    var directory: String?
    /// `nil`: the name that the file has.
    var filename: String?
    var overwrites = false

    func request(name: String, mimeType: String?) -> UploadRequest {
        UploadRequest(
            session: self.session,
            directory: self.directory,
            filename: self.filename ?? name,
            mimeType: mimeType,
            overwrites: self.overwrites
        )
    }
}

extension DownloadLibrary {
    /// Queues a copy of a download; when this returns, a crash does not lose it.
    ///
    /// The caller must be allowed to see the source and the place where it is put. Throws ``ProviderError`` for what can be known
    /// at once, `conflict` among it, and what the store throws.
    func copy(
        _ id: String,
        to target: UploadTarget,
        _ idempotency: JobTable.Idempotency?,
        for caller: Caller
    ) async throws -> Creation {
        // Before anything is asked: what the first request made stands in the way of the second.
        if let known = try await self.known(idempotency, for: caller) { return known }
        let source = try await self.resolve(id, for: caller)
        let download = try await self.download(source)
        try Self.checkHasBytes(download)
        let request = target.request(name: download.name, mimeType: download.mimeType)
        let (_, plan) = try await self.planned(request, in: target.provider, copying: download, for: caller)
        let job = Job(
            id: UUID(),
            caller: caller.id,
            provider: target.provider,
            session: plan.session,
            host: "",
            createdAt: self.now(),
            sourceURL: download.sourceURL,
            name: request.filename
        )
        let copy = CopyRequest(
            source: source.reference,
            target: request,
            timeout: .seconds(self.jobs.policy.copyTimeout)
        )
        return try await self.queue(job, .copy(copy), idempotency)
    }

    /// What a provider makes of a file that is to be put in, once all is refused that can be known to fail.
    func planned(
        _ request: UploadRequest,
        in id: ProviderID,
        copying source: Download? = nil,
        for caller: Caller
    ) async throws(ProviderError) -> (provider: any Provider, plan: UploadPlan) {
        let provider = try self.receiver(id, for: "be given a file") { $0.upload }
        let plan = try await provider.plan(request)
        try Self.checkMayBring(into: plan.session, of: id, caller)
        if let occupant = try await Self.occupant(request, at: provider) {
            let isItself = source.map { source in
                let sharesName = source.reference.provider == id && source.reference.session == plan.session
                return source.reference == occupant
                    || (provider.capabilities.namesAreIdentity && sharesName && source.name == request.filename)
            }
            guard isItself != true else {
                throw ProviderError(.conflict, message: "The download would be copied onto itself.")
            }
            guard request.overwrites else { throw .nameTaken }
        }
        return (provider, plan)
    }

    /// The file that has the name already; `nil` also where the upstream cannot say so now: then it is seen when it is put in.
    private static func occupant(
        _ request: UploadRequest,
        at provider: any Provider
    ) async throws(ProviderError) -> DownloadReference? {
        do throws(ProviderError) {
            return try await provider.occupant(request)
        } catch {
            guard error.mayBeStoodInFor else { throw error }
            return nil
        }
    }
}
