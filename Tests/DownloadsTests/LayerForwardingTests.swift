// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOCore
import Synchronization
import Testing

/// Does everything, and notes what it was asked.
private final class CapableProvider: Provider {
    let id: ProviderID
    let kind = "capable"
    let capabilities = Capabilities(
        listsSessions: true,
        listsRoot: true,
        ranges: true,
        delete: true,
        create: true,
        cancel: true,
        upload: true
    )
    let asked = Mutex<[String]>([])

    init() throws { self.id = try #require(ProviderID("p")) }

    var reference: DownloadReference { DownloadReference(provider: self.id, session: nil, item: "f:1") }
    private var file: Download { Download(reference: self.reference, name: "x") }

    private func note(_ operation: String) { self.asked.withLock { $0.append(operation) } }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        self.note("sessions")
        return []
    }
    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        self.note("list")
        return Page(items: [])
    }
    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        self.note("download")
        return self.file
    }
    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        self.note("content")
        return Content(length: 1, body: ContentBody(ByteBuffer(string: "x")))
    }
    func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        self.note("archive")
        throw .cancelled
    }
    func delete(_ reference: DownloadReference) async throws(ProviderError) { self.note("delete") }
    func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan {
        self.note("plan a URL")
        return CreatePlan(session: nil, name: "x", host: "")
    }
    func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        self.note("create")
        return self.file
    }
    func abandon(_ work: CreateWork) async throws(ProviderError) { self.note("abandon a URL") }
    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        self.note("plan an upload")
        return UploadPlan(session: nil, needsSize: false)
    }
    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        self.note("occupant")
        return nil
    }
    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        self.note("upload")
        return self.file
    }
    func abandon(_ work: UploadWork) async throws(ProviderError) { self.note("abandon an upload") }
    func sweep() async throws(ProviderError) -> [DownloadReference] {
        self.note("sweep")
        return []
    }
    func check() async throws(ProviderError) { self.note("check") }
}

/// A layer that forgets an operation would have the protocol's default refuse it.
@Suite struct LayerForwardingTests {
    private enum Layer: CaseIterable {
        case checked, retrying, observed, guarded

        func around(_ base: any Provider) -> any Provider {
            switch self {
            case .checked: CheckedProvider(base)
            case .retrying: RetryingProvider(base, policy: RetryPolicy(retries: 0))
            case .observed:
                ObservedProvider(base, health: ProviderHealth(configured: true), logger: Logger(label: "test"))
            case .guarded: GuardedProvider(base, breaker: CircuitBreaker(.init()))
            }
        }
    }

    @Test(arguments: Layer.allCases) private func everyOperationGetsThrough(_ layer: Layer) async throws {
        let base = try CapableProvider()
        let provider = layer.around(base)
        let report = CreateReport(progress: { _ in }, keep: { _, _ in })
        let (id, now) = (UUID(), Date(timeIntervalSince1970: 0))
        let creation = CreateWork(id: id, owner: "o", createdAt: now, request: CreateRequest(url: "https://x.org/"))
        let upload = UploadWork(id: id, owner: "o", createdAt: now, request: UploadRequest(filename: "x"))
        let source = UploadSource(size: 1, revision: "") { _ async throws(ProviderError) in
            ContentBody(ByteBuffer(string: "x"))
        }
        let file = Download(reference: base.reference, name: "x")
        _ = try await provider.sessions(limit: 1)
        _ = try await provider.list(ListQuery(session: nil))
        _ = try await provider.download(base.reference)
        _ = try await provider.content(of: base.reference, ContentRequest())
        _ = try? await provider.archive(of: [file, file])
        try await provider.delete(base.reference)
        _ = try await provider.plan(creation.request)
        _ = try await provider.create(creation, report)
        try await provider.abandon(creation)
        _ = try await provider.plan(upload.request)
        _ = try await provider.occupant(upload.request)
        _ = try await provider.upload(upload, from: source, report)
        try await provider.abandon(upload)
        _ = try await provider.sweep()
        try await provider.check()
        #expect(
            base.asked.withLock { $0 } == [
                "sessions", "list", "download", "content", "archive", "delete", "plan a URL", "create", "abandon a URL",
                "plan an upload", "occupant", "upload", "abandon an upload", "sweep", "check",
            ]
        )
    }
}
