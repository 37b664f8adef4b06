// SPDX-License-Identifier: Apache-2.0

/// Refuses what a provider does not promise, or what could not be put into a URL, before any request is made.
///
/// So no adapter can silently ignore an option, and no empty part can turn an item's URL into a collection's.
public struct CheckedProvider: ProviderLayer {
    /// The wrapped provider.
    public let base: any Provider

    /// Wraps a provider.
    public init(_ base: any Provider) { self.base = base }

    /// Refuses where sessions are not listed.
    public func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        guard self.capabilities.listsSessions else { throw .unsupported("list sessions", by: self.id) }
        guard limit > 0 else { return [] }
        do {
            return Array(try await self.base.sessions(limit: limit).prefix(limit))
        } catch {
            throw Self.blamingUpstream(error)
        }
    }

    /// Refuses an impossible container and filters that the provider does not apply.
    public func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        if let session = query.session {
            let probe = DownloadReference(provider: self.id, session: session, item: "-")
            guard probe.isWellFormed else { throw .notFound("There is no such session.") }
        } else if !self.capabilities.listsRoot {
            throw .unsupported("list downloads outside of a session", by: self.id)
        }
        guard query.filter == query.filter.narrowed(to: self.capabilities.filters) else {
            throw .unsupported("apply these filters", by: self.id)
        }
        return try await self.base.list(query)
    }

    /// Refuses a reference of another provider, or a malformed one, as not found.
    public func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        try self.check(reference)
        return try await self.base.download(reference)
    }

    /// Refuses a bad reference; holds the answered range against the one asked for.
    public func content(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        try self.check(reference)
        let content = try await self.base.content(of: reference, request)
        guard let range = content.range else { return content }
        let length = range.upperBound - range.lowerBound + 1
        guard request.range != nil, content.length.map({ $0 == length }) ?? true,
            content.totalSize.map({ request.range?.resolved(size: $0) == range }) ?? true
        else {
            throw ProviderError(
                .malformedResponse,
                message: "The upstream answered with another range than was asked for."
            )
        }
        return content
    }

    /// Refuses a bad reference, and fewer than two.
    public func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        guard downloads.count > 1 else { throw .unsupported("hand out an archive of one file", by: self.id) }
        for download in downloads { try self.check(download.reference) }
        return try await self.base.archive(of: downloads)
    }

    /// Refuses where deleting is not promised.
    public func delete(_ reference: DownloadReference) async throws(ProviderError) {
        guard self.capabilities.delete else { throw .unsupported("delete a download", by: self.id) }
        try self.check(reference)
        try await self.base.delete(reference)
    }

    /// Refuses where bringing in URLs is not promised.
    public func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan {
        try self.checkCreates()
        let plan = try await self.base.plan(request)
        let probe = DownloadReference(provider: self.id, session: plan.session, item: "-")
        guard probe.isWellFormed else {
            throw .invalid("directory", "The directory's name cannot be used.")
        }
        return plan
    }

    /// Refuses where bringing in URLs is not promised.
    public func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        try self.checkCreates()
        return try await self.base.create(work, report)
    }

    /// Refuses where bringing in URLs is not promised.
    public func abandon(_ work: CreateWork) async throws(ProviderError) {
        try self.checkCreates()
        try await self.base.abandon(work)
    }

    /// Refuses where uploads are not promised, and a container or a name that could not stand in a URL.
    public func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        try self.check(request)
        let plan = try await self.base.plan(request)
        let probe = DownloadReference(provider: self.id, session: plan.session, item: "-")
        guard probe.isWellFormed else {
            throw .invalid("directory", "The directory's name cannot be used.")
        }
        return plan
    }

    /// Refuses as ``plan(_:)-(UploadRequest)`` does.
    public func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        try self.check(request)
        return try await self.base.occupant(request)
    }

    /// Refuses as ``plan(_:)-(UploadRequest)`` does.
    public func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        try self.check(work.request)
        return try await self.base.upload(work, from: source, report)
    }

    /// Refuses as ``plan(_:)-(UploadRequest)`` does.
    public func abandon(_ work: UploadWork) async throws(ProviderError) {
        try self.check(work.request)
        try await self.base.abandon(work)
    }

    /// An error of a call in which there is nothing of the caller's that could be at fault, or be missing.
    private static func blamingUpstream(_ error: ProviderError) -> ProviderError {
        guard error.kind == .invalidRequest || error.kind == .notFound else { return error }
        var error = error
        error.kind = .upstream(status: error.kind == .notFound ? 404 : 400)
        return error
    }

    private func checkCreates() throws(ProviderError) {
        guard self.capabilities.create else { throw .unsupported("bring in a URL", by: self.id) }
    }

    private func check(_ request: UploadRequest) throws(ProviderError) {
        guard self.capabilities.upload else { throw .unsupported("be given a file", by: self.id) }
        let probe = DownloadReference(provider: self.id, session: request.session, item: request.filename)
        guard probe.isWellFormed else {
            throw ProviderError(.invalidRequest, message: "The session's or the file's name cannot be used.")
        }
    }

    private func check(_ reference: DownloadReference) throws(ProviderError) {
        guard reference.provider == self.id, reference.isWellFormed else { throw .notFound() }
    }
}
