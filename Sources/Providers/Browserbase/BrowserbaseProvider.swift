// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore

/// The downloads of Browserbase's sessions; for an account without the Downloads API, out of the session's zip.
struct BrowserbaseProvider: Provider {
    let id: ProviderID
    let api: BrowserbaseAPI

    /// Names and types are not among the filters: the vendor holds them against its own, and ours may be made safe, or derived.
    static let promises = Capabilities(
        listsSessions: true,
        filters: [.minSize, .maxSize, .createdAfter, .createdBefore],
        delete: true
    )

    var kind: String { BrowserbaseSettings.kind }
    var capabilities: Capabilities { Self.promises }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        let sessions = try await self.api.sessions()
        return sessions.map { Session(id: $0.id.text, createdAt: $0.createdAt?.date) }.newest(limit)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        guard let session = query.session else {
            throw .unsupported("list downloads outside of a session", by: self.id)
        }
        let offset = try PageToken.offset(query.page)
        do {
            let answer = try await self.api.downloads(session: session, filter: query.filter, offset: offset)
            return Page(
                items: answer.downloads.compactMap { self.download($0, session: session) },
                next: PageToken.next(
                    after: answer.downloads.count,
                    at: offset,
                    total: answer.total?.value,
                    limit: BrowserbaseAPI.downloadsPerPage
                )
            )
        } catch {
            // 403, or 404, is also what an account without access to the Downloads API gets. It is tried anew each time:
            // access may be given any day, and remembering would be a cache.
            guard error.kind == .unauthorized || error.kind == .notFound, offset == 0 else { throw error }
            let files = try await self.api.archive(session: session).files()
            return Page(items: files.map { self.download($0, session: session) }.filter(query.filter.matches))
        }
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        if let id = ItemKey.identity(of: reference.item, prefix: "d") {
            let item = try await self.api.download(id)
            guard item.id.text == id, let download = self.download(item, session: reference.session) else {
                throw ProviderError(.malformedResponse, message: "Browserbase answered with another download.")
            }
            return download
        }
        let session = try Self.archiveSession(reference)
        guard let file = try await self.api.archive(session: session).files().first(where: { $0.key == reference.item })
        else {
            throw .notFound()
        }
        return self.download(file, session: session)
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        if let id = ItemKey.identity(of: reference.item, prefix: "d") {
            return try await self.api.content(id, range: request.range)
        }
        let archive = try await self.api.archive(session: try Self.archiveSession(reference))
        guard let file = try await archive.open(reference.item) else { throw .notFound() }
        return Content(length: file.size, totalSize: file.size, body: archive.body)
    }

    /// The session's zip read once, where its files can be had from it only; else each has a checksum, and its own bytes.
    func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        let references = downloads.map(\.reference)
        guard let session = references.first?.session,
            references.allSatisfy({ $0.session == session && $0.item.hasPrefix("z") })
        else { throw .unsupported("hand out these files as one archive", by: self.id) }
        let id = self.id
        return ZippedFiles(try await self.api.archive(session: session)) { file in
            DownloadReference(provider: id, session: session, item: file.key)
        }
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) {
        guard let id = ItemKey.identity(of: reference.item, prefix: "d") else {
            throw .unsupported("delete a file of a session's zip", by: self.id)
        }
        try await self.api.delete(id)
    }

    func check() async throws(ProviderError) { try await self.api.check() }

    /// What the vendor said, in our words; `nil` for an item that could never be asked for again.
    func download(_ item: BrowserbaseAPI.Item, session: String?) -> Download? {
        guard let key = ItemKey.make("d", item.id.text) else { return nil }
        let checksum = item.checksum?.asSHA256
        return Download(
            reference: DownloadReference(provider: self.id, session: session ?? item.sessionId, item: key),
            name: item.filename,
            mimeType: item.mimeType.nonEmpty,
            size: item.size?.bytes,
            checksum: checksum,
            createdAt: item.createdAt?.date,
            native: [String: JSONValue](known: [
                ("id", .string(item.id.text)),
                ("name", .string(item.filename)),
                ("checksum", checksum == nil ? item.checksum.map { .string($0) } : nil),
            ])
        )
    }

    /// A file of a session's zip, in our words.
    func download(_ file: ZipFile, session: String) -> Download {
        let stored = StoredName(file.name)
        return Download(
            reference: DownloadReference(provider: self.id, session: session, item: file.key),
            name: stored.name,
            size: file.size,
            createdAt: stored.createdAt,
            native: ["id": .string(file.name), "name": .string(file.name)]
        )
    }

    private static func archiveSession(_ reference: DownloadReference) throws(ProviderError) -> String {
        guard let session = reference.session, reference.item.hasPrefix("z") else { throw .notFound() }
        return session
    }
}

/// A name as Browserbase's storage writes it: `sample-1719265797164.pdf` is `sample.pdf` of that millisecond.
struct StoredName: Hashable, Sendable {
    /// The name without the suffix.
    var name: String
    /// When the file was stored, where the name says it.
    var createdAt: Date?

    /// Reads a name; one without the suffix stays as it is.
    init(_ text: String) {
        self.name = text
        let ending = text.lastIndex(of: ".").map { text[$0...] } ?? ""
        for rest in [ending, ""] {
            let stem = text.dropLast(rest.count)
            let digits = stem.suffix(13)
            guard digits.utf8.count == 13, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                stem.dropLast(13).last == "-", let milliseconds = Double(digits)
            else { continue }
            self.name = String(stem.dropLast(14)) + rest
            self.createdAt = Date(timeIntervalSince1970: milliseconds / 1000)
            return
        }
    }
}
