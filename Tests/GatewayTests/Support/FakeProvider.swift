// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Synchronization

@testable import Gateway

/// An upstream that does what the test says, and counts what it was asked.
final class FakeProvider: Provider {
    enum Operation: Hashable, Sendable {
        case sessions, list, download, content, archive, delete, check, plan, create, abandon, sweep, occupant, upload
    }

    struct Script: Sendable {
        /// Newest first.
        var sessions: [Session] = []
        /// What each container holds; one that is not here is unknown.
        var listings: [String?: [Download]] = [:]
        /// Downloads on one page; 0: all.
        var pageSize = 0
        var bytes: [DownloadReference: Data] = [:]
        var failures: [Operation: ProviderError] = [:]
        /// Failures of single containers.
        var listFailures: [String: ProviderError] = [:]
        var gates: [Operation: Gate] = [:]
        /// What has outlived its retention.
        var expired: [DownloadReference] = []
        /// Works on what is to be brought in; without it the file is there at once.
        var create: (@Sendable (CreateWork, CreateReport) async throws(ProviderError) -> Download)?
        /// Its own archive of a container; `nil`: it has none.
        var archive: [FakeArchive.Step]?
        /// Takes what is put in; without it the bytes are kept.
        var upload: (@Sendable (UploadWork, UploadSource, CreateReport) async throws(ProviderError) -> Download)?
        /// Whether it must know beforehand how many bytes come.
        var needsSize = false
        /// Answers in place of ``bytes``.
        var content: (@Sendable (DownloadReference, ContentRequest) throws(ProviderError) -> Content)?
    }

    let id: ProviderID
    let kind = "fake"
    let capabilities: Capabilities
    private let script: Mutex<Script>
    private let calls = Mutex<[Operation]>([])
    private let queries = Mutex<[ListQuery]>([])
    private let requests = Mutex<[ContentRequest]>([])
    private let works = Mutex<[CreateWork]>([])
    private let uploadWorks = Mutex<[UploadWork]>([])

    static let everything = Capabilities(listsSessions: true, delete: true)

    init(_ name: String, _ capabilities: Capabilities = FakeProvider.everything) throws {
        guard let id = ProviderID(name) else { throw NeverHappened() }
        self.id = id
        self.capabilities = capabilities
        self.script = Mutex(Script())
    }

    /// Changes what it does from now on.
    func script(_ change: (inout Script) -> Void) { self.script.withLock { change(&$0) } }

    func count(_ operation: Operation) -> Int { self.calls.withLock { $0.count { $0 == operation } } }
    var listQueries: [ListQuery] { self.queries.withLock { $0 } }
    var contentRequests: [ContentRequest] { self.requests.withLock { $0 } }

    // MARK: Files

    /// Puts a file into a session, which it makes where it is new.
    @discardableResult
    func add(
        _ name: String,
        in session: String? = "s1",
        item: String? = nil,
        bytes: Data = Data("some bytes".utf8),
        change: (inout Download) -> Void = { _ in },
        size: Int64?? = nil,
        createdAt: Date? = Date(timeIntervalSince1970: 1_790_000_000),
        revision: String? = nil
    ) -> Download {
        let reference = DownloadReference(provider: self.id, session: session, item: item ?? name)
        var download = Download(
            reference: reference,
            name: name,
            size: size ?? Int64(bytes.count),
            createdAt: createdAt,
            revision: revision
        )
        change(&download)
        self.put(download, bytes)
        return download
    }

    /// Puts a download in, in place of one with its reference.
    func put(_ download: Download, _ bytes: Data) {
        let session = download.reference.session
        self.script { script in
            script.listings[session, default: []].removeAll { $0.reference == download.reference }
            script.listings[session, default: []].append(download)
            script.bytes[download.reference] = bytes
            guard let session, !script.sessions.contains(where: { $0.id == session }) else { return }
            script.sessions.insert(Session(id: session), at: 0)
        }
    }

    func remove(_ reference: DownloadReference) {
        self.script { script in
            script.listings[reference.session]?.removeAll { $0.reference == reference }
            script.bytes[reference] = nil
        }
    }

    // MARK: Provider

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        let script = try await self.begin(.sessions)
        return Array(script.sessions.prefix(limit))
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        self.queries.withLock { $0.append(query) }
        let script = try await self.begin(.list)
        if let failure = query.session.flatMap({ script.listFailures[$0] }) { throw failure }
        guard let all = script.listings[query.session] else { throw .notFound("There is no such session.") }
        guard script.pageSize > 0 else { return Page(items: all) }
        let start = query.page.flatMap { Int($0.value) } ?? 0
        let end = min(start + script.pageSize, all.count)
        return Page(items: Array(all[start..<end]), next: end < all.count ? PageToken(String(end)) : nil)
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        let script = try await self.begin(.download)
        guard let download = script.listings[reference.session]?.first(where: { $0.reference == reference }) else {
            throw .notFound()
        }
        return download
    }

    func content(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        self.requests.withLock { $0.append(request) }
        let script = try await self.begin(.content)
        if let content = script.content { return try content(reference, request) }
        guard let bytes = script.bytes[reference] else { throw .notFound() }
        let size = Int64(bytes.count)
        guard self.capabilities.ranges, let range = request.range?.resolved(size: size) else {
            return Content(length: size, body: FakeBody(bytes).body)
        }
        let part = bytes[Int(range.lowerBound)...Int(range.upperBound)]
        return Content(length: Int64(part.count), range: range, totalSize: size, body: FakeBody(Data(part)).body)
    }

    func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        let script = try await self.begin(.archive)
        guard let steps = script.archive else { throw .unsupported("hand out an archive", by: self.id) }
        return FakeArchive(steps)
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) {
        guard self.capabilities.delete else { throw .unsupported("delete a download", by: self.id) }
        let script = try await self.begin(.delete)
        guard script.bytes[reference] != nil else { throw .notFound() }
        self.remove(reference)
    }

    func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan {
        _ = try await self.begin(.plan)
        return CreatePlan(session: request.directory, name: request.filename ?? "file", host: request.url)
    }

    func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        self.works.withLock { $0.append(work) }
        let script = try await self.begin(.create)
        if let create = script.create { return try await create(work, report) }
        return self.add(work.request.filename ?? "file", in: work.request.directory, item: work.id.uuidString)
    }

    func abandon(_ work: CreateWork) async throws(ProviderError) { _ = try await self.begin(.abandon) }

    func sweep() async throws(ProviderError) -> [DownloadReference] {
        let gone = try await self.begin(.sweep).expired
        for reference in gone { self.remove(reference) }
        return gone
    }

    func plan(_ request: UploadRequest) async throws(ProviderError) -> UploadPlan {
        let script = try await self.begin(.plan)
        return UploadPlan(session: request.session ?? request.directory, needsSize: script.needsSize)
    }

    func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        let script = try await self.begin(.occupant)
        return script.listings[request.session ?? request.directory]?.first { $0.name == request.filename }?.reference
    }

    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        self.uploadWorks.withLock { $0.append(work) }
        let script = try await self.begin(.upload)
        if let upload = script.upload { return try await upload(work, source, report) }
        if script.needsSize, source.size == nil { throw ProviderError(.invalidRequest, message: "How many?") }
        var bytes = Data()
        var body = try await source.open(0).makeAsyncIterator()
        while let piece = try await body.next() {
            bytes.append(contentsOf: piece.readableBytesView)
            report.progress(CreateProgress(receivedBytes: Int64(bytes.count), totalBytes: source.size))
        }
        let request = work.request
        return self.add(
            request.filename,
            in: request.session ?? request.directory,
            item: work.id.uuidString,
            bytes: bytes
        )
    }

    func abandon(_ work: UploadWork) async throws(ProviderError) { _ = try await self.begin(.abandon) }

    func check() async throws(ProviderError) { _ = try await self.begin(.check) }

    /// What it was given to put in, try by try.
    var uploads: [UploadWork] { self.uploadWorks.withLock { $0 } }

    /// The bytes of the only file of a name.
    func bytes(named name: String) -> Data? {
        let script = self.script.withLock { $0 }
        let found = script.listings.values.joined().filter { $0.name == name }
        return found.count == 1 ? found.first.flatMap { script.bytes[$0.reference] } : nil
    }

    /// What it was given to bring in, try by try.
    var creates: [CreateWork] { self.works.withLock { $0 } }

    /// Counts the call, waits at its gate, fails where it is to fail; what is scripted after the gate counts.
    private func begin(_ operation: Operation) async throws(ProviderError) -> Script {
        self.calls.withLock { $0.append(operation) }
        if let gate = self.script.withLock({ $0.gates[operation] }) {
            do { try await gate.wait() } catch { throw .cancelled }
        }
        let script = self.script.withLock { $0 }
        if let failure = script.failures[operation] { throw failure }
        return script
    }
}
