// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The downloads of Notte's sessions in the newer `files` API, where a file has an id.
struct NotteFilesProvider: Provider {
    let id: ProviderID
    let api: NotteAPI

    static let promises = Capabilities(listsSessions: true, delete: true)

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
        let (session, _) = try Self.parts(reference)
        // The vendor has no call for one file; bounded, should the pages never end.
        var page: PageToken?
        for _ in 1...100 {
            let answer = try await self.list(ListQuery(session: session, page: page))
            if let download = answer.items.first(where: { $0.reference == reference }) { return download }
            guard let next = answer.next else { break }
            page = next
        }
        throw .notFound()
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
        guard let key = ItemKey.make("f", file.id.text) else { return nil }
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

    private static func parts(_ reference: DownloadReference) throws(ProviderError) -> (session: String, file: String) {
        guard let session = reference.session, let file = ItemKey.identity(of: reference.item, prefix: "f") else {
            throw .notFound()
        }
        return (session, file)
    }
}
