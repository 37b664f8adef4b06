// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The downloads of Notte's sessions in the newer `files` API, where a file has an id.
struct NotteFilesProvider: Provider {
    let id: ProviderID
    let api: NotteAPI

    static let promises = Capabilities(listsSessions: true, delete: true, upload: true, listsUploads: false)

    var kind: String { NotteSettings.kind }
    var capabilities: Capabilities { Self.promises }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        try await self.api.sessions(limit: limit)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        guard let session = query.session else {
            throw .unsupported("list downloads outside of a session", by: self.id)
        }
        let offset = try PageToken.offset(query.page)
        let answer = try await self.api.sessionFiles(session: session, offset: offset)
        return Page(
            items: answer.files.compactMap { self.download($0, session: session) },
            next: PageToken.next(
                after: answer.files.count,
                at: offset,
                total: answer.total?.value,
                limit: NotteAPI.filesPerPage
            )
        )
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        let (session, file) = try Self.parts(reference)
        let found = try await self.find(in: session, Self.source(of: reference)) { $0.id.text == file }
        guard let download = found.flatMap({ self.download($0, session: session) }) else { throw .notFound() }
        return download
    }

    /// The first file that is wanted.
    ///
    /// The vendor has no call for one; bounded, should the pages never end.
    func find(
        in session: String,
        _ source: NotteAPI.Source,
        where isWanted: (NotteAPI.SessionFile) -> Bool
    ) async throws(ProviderError) -> NotteAPI.SessionFile? {
        var offset = 0
        for _ in 1...100 {
            let page = try await self.api.sessionFiles(session: session, source, offset: offset)
            if let file = page.files.first(where: isWanted) { return file }
            offset += page.files.count
            guard !page.files.isEmpty, offset < page.total?.value ?? .max else { break }
        }
        return nil
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        let (session, file) = try Self.parts(reference)
        return try await self.api.content(session: session, file: file, range: request.range)
    }

    func delete(_ reference: DownloadReference) async throws(ProviderError) {
        let (session, file) = try Self.parts(reference)
        try await self.api.delete(session: session, file: file)
    }

    func check() async throws(ProviderError) { try await self.api.check() }

    /// What the vendor said, in our words; `nil` for a file that could never be asked for again.
    func download(_ file: NotteAPI.SessionFile, session: String) -> Download? {
        let isUpload = file.source == NotteAPI.Source.upload.rawValue
        guard let key = ItemKey.make(isUpload ? "u" : "f", file.id.text) else { return nil }
        return Download(
            reference: DownloadReference(provider: self.id, session: session, item: key),
            name: file.filename,
            mimeType: file.mimeType.nonEmpty,
            size: file.size?.bytes,
            createdAt: file.createdAt?.date,
            expiresAt: file.expiresAt?.date,
            native: [String: JSONValue](known: [
                ("id", .string(file.id.text)),
                ("name", .string(file.filename)),
                // Of an algorithm that the vendor does not name, so that it is not our `checksum`.
                ("checksum", file.checksum.map { .string($0) }),
                ("source", file.source.map { .string($0) }),
            ])
        )
    }

    /// Which list an item is in; downloads and uploads are listed apart.
    private static func source(of reference: DownloadReference) -> NotteAPI.Source {
        ItemKey.identity(of: reference.item, prefix: "u") == nil ? .download : .upload
    }

    private static func parts(_ reference: DownloadReference) throws(ProviderError) -> (session: String, file: String) {
        guard let session = reference.session, let (prefix, file) = ItemKey.split(reference.item),
            prefix == "f" || prefix == "u"
        else { throw .notFound() }
        return (session, file)
    }
}
