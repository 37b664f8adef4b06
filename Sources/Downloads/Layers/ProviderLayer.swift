// SPDX-License-Identifier: Apache-2.0

/// A provider around another one: what it does not see to itself goes through, unchanged and once.
///
/// ``Provider`` alone would have its defaults refuse an operation that a layer forgot.
public protocol ProviderLayer: Provider {
    /// The wrapped provider.
    var base: any Provider { get }
}

extension ProviderLayer {
    /// The wrapped provider's name.
    public var id: ProviderID { self.base.id }
    /// The wrapped provider's adapter.
    public var kind: String { self.base.kind }
    /// The wrapped provider's promises.
    public var capabilities: Capabilities { self.base.capabilities }

    /// Passes on.
    public func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        try await self.base.sessions(limit: limit)
    }

    /// Passes on.
    public func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        try await self.base.list(query)
    }

    /// Passes on.
    public func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        try await self.base.download(reference)
    }

    /// Passes on.
    public func content(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        try await self.base.content(of: reference, request)
    }

    /// Passes on.
    public func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        try await self.base.archive(of: downloads)
    }

    /// Passes on.
    public func delete(_ reference: DownloadReference) async throws(ProviderError) {
        try await self.base.delete(reference)
    }

    /// Passes on.
    public func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan {
        try await self.base.plan(request)
    }

    /// Passes on.
    public func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        try await self.base.create(work, report)
    }

    /// Passes on.
    public func abandon(_ work: CreateWork) async throws(ProviderError) { try await self.base.abandon(work) }

    /// Passes on.
    public func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        try await self.base.plan(request)
    }

    /// Passes on.
    public func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        try await self.base.occupant(request)
    }

    /// Passes on.
    public func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        try await self.base.upload(work, from: source, report)
    }

    /// Passes on.
    public func abandon(_ work: UploadWork) async throws(ProviderError) { try await self.base.abandon(work) }

    /// Passes on.
    public func sweep() async throws(ProviderError) -> [DownloadReference] { try await self.base.sweep() }

    /// Passes on.
    public func check() async throws(ProviderError) { try await self.base.check() }
}
