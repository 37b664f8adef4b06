// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Transfer

/// The gateway's own provider: brings URLs into the storage folder, and serves what is there.
///
/// Its sessions are the directories that callers named; what lies in none is outside of any session.
struct WebProvider: Provider {
    let id: ProviderID
    let folder: WebFolder
    let fetcher: WebFetcher
    let quota: WebQuota
    /// Seconds; `nil`: for ever.
    let retention: Double?
    let now: @Sendable () -> Date

    static let promises = Capabilities(
        listsSessions: true,
        listsRoot: true,
        ranges: true,
        delete: true,
        create: true,
        cancel: true,
        upload: true
    )

    /// Bytes read at once.
    private static let pieceSize: Int64 = 256 * 1024
    /// What is on its way for longer than any timeout allows is nobody's any more.
    private static let longestWay: TimeInterval = 8 * 86_400

    var kind: String { WebSettings.kind }
    var capabilities: Capabilities { Self.promises }

    // MARK: Listing

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        let newest = Dictionary(grouping: try await self.files(), by: \.directory).compactMap { directory, files in
            directory.map { Session(id: $0, createdAt: files.map(\.completedAt).max()) }
        }
        return newest.newest(limit)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        let files = try await self.files().filter { $0.directory == query.session }
        guard !files.isEmpty || query.session == nil else { throw .notFound("There is no such directory.") }
        return Page(items: files.sorted { $0.completedAt > $1.completedAt }.map(self.download))
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        self.download(try await self.file(reference))
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        let file = try await self.file(reference)
        let range = try request.range.map { wanted throws(ProviderError) in
            guard let bytes = wanted.resolved(size: file.size) else {
                throw ProviderError(
                    .rangeNotSatisfiable(size: file.size),
                    message: "No byte of the file lies in the range."
                )
            }
            return bytes
        }
        let open = try await self.storing { [folder = self.folder] () async throws(StorageError) in
            try await folder.open(file.id)
        }
        let (begin, end) = range.map { ($0.lowerBound, $0.upperBound + 1) } ?? (0, file.size)
        return Content(
            length: end - begin,
            range: range,
            totalSize: file.size,
            mimeType: file.mimeType,
            validator: "\"\(file.id.lowercaseText)\"",
            body: Self.body(of: open, from: begin, to: end)
        )
    }

    private static func body(of file: OpenFile, from begin: Int64, to end: Int64) -> ContentBody {
        ContentBody {
            var offset = begin
            return { () async throws(ProviderError) -> ByteBuffer? in
                guard offset < end else { return nil }
                guard !Task.isCancelled else { throw .cancelled }
                let (position, count) = (offset, Int(min(Self.pieceSize, end - offset)))
                let bytes: ByteBuffer
                do throws(StorageError) {
                    bytes = try await onFileThread { () throws(StorageError) in
                        try file.read(at: position, atMost: count)
                    }
                } catch {
                    throw error.providerError
                }
                guard bytes.readableBytes > 0 else {
                    throw ProviderError(.malformedResponse, message: "The stored file is shorter than it was.")
                }
                offset += Int64(bytes.readableBytes)
                return bytes
            }
        }
    }

    // MARK: Bringing in and removing

    func plan(_ request: CreateRequest) async throws(ProviderError) -> CreatePlan {
        try self.fetcher.check(request.url)
        return CreatePlan(
            session: try DirectoryName.read(request.directory),
            name: SafeFilename.make(from: request.filename ?? URLName.read(request.url) ?? ""),
            host: Origin(of: request.url)?.host ?? ""
        )
    }

    func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        // The try before may have ended just after the file was there.
        let known = try await self.storing { [folder = self.folder] () async throws(StorageError) in
            try await folder.file(work.id)
        }
        if let known { return self.download(known) }
        var fetch = try await WebFetch(work, report, in: self.folder, by: self.fetcher, self.quota)
        return self.download(try await fetch.run())
    }

    func abandon(_ work: CreateWork) async throws(ProviderError) { try await self.discard(work.id) }

    func discard(_ id: UUID) async throws(ProviderError) {
        try await self.storing { [folder = self.folder] () async throws(StorageError) in
            if try await folder.file(id) != nil { try await folder.remove(id) }
            try await folder.discard(id)
        }
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) {
        let file = try await self.file(reference)
        try await self.storing { [folder = self.folder] () async throws(StorageError) in
            try await folder.remove(file.id)
        }
    }

    func sweep() async throws(ProviderError) -> [DownloadReference] {
        let now = self.now()
        return try await self.storing { [folder = self.folder] () async throws(StorageError) in
            try await folder.discardIncoming(before: now.addingTimeInterval(-Self.longestWay))
            var gone: [DownloadReference] = []
            for file in try await folder.files() where self.hasExpired(file) {
                try await folder.remove(file.id)
                gone.append(self.download(file).reference)
            }
            return gone
        }
    }

    func check() async throws(ProviderError) { _ = try await self.files() }

    // MARK: Files

    private func file(_ reference: DownloadReference) async throws(ProviderError) -> WebFile {
        guard let id = WebFile.id(in: reference) else { throw .notFound() }
        let file = try await self.storing { [folder = self.folder] () async throws(StorageError) in
            try await folder.file(id)
        }
        guard let file, file.directory == reference.session, !self.hasExpired(file) else { throw .notFound() }
        return file
    }

    /// Every file that has not expired.
    private func files() async throws(ProviderError) -> [WebFile] {
        try await self.storing { [folder = self.folder] () async throws(StorageError) in try await folder.files() }
            .filter { !self.hasExpired($0) }
    }

    private func hasExpired(_ file: WebFile) -> Bool {
        self.retention.map { file.completedAt.addingTimeInterval($0) <= self.now() } ?? false
    }

    func download(_ file: WebFile) -> Download { file.download(of: self.id, retention: self.retention) }

    func storing<Value>(
        _ call: () async throws(StorageError) -> Value
    ) async throws(ProviderError) -> Value {
        do throws(StorageError) { return try await call() } catch { throw error.providerError }
    }
}
