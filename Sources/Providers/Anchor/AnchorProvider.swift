// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation

/// The downloads of AnchorBrowser's sessions.
///
/// It cannot delete, and knows one file only by its place in the list.
struct AnchorProvider: Provider {
    let id: ProviderID
    let api: AnchorAPI

    static let promises = Capabilities(listsSessions: true)

    var kind: String { AnchorSettings.kind }
    var capabilities: Capabilities { Self.promises }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        var sessions: [Session] = []
        // Bounded, should the upstream never end; a thousand sessions are many more than a list asks for.
        for page in 1...20 {
            let answer = try await self.api.sessions(page: page)
            sessions += answer.sessions.compactMap { item in
                item.id.map { Session(id: $0.text, createdAt: item.createdAt?.date) }
            }
            let isLast =
                answer.totalPages?.value.map { page >= $0 } ?? (answer.sessions.count < AnchorAPI.sessionsPerPage)
            if isLast || answer.sessions.isEmpty || sessions.count >= limit { break }
        }
        return sessions.newest(limit)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        guard let session = query.session else {
            throw .unsupported("list downloads outside of a session", by: self.id)
        }
        let items = try await self.api.downloads(session: session)
        return Page(items: items.compactMap { self.download($0, session: session) })
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        guard let download = self.download(try await self.item(reference), session: reference.session) else {
            throw .notFound()
        }
        return download
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        // Links may expire, so that the one of now is used.
        guard let link = try await self.item(reference).fileLink, !link.isEmpty else {
            throw ProviderError(.notReady, retry: .after(.seconds(5)), message: "Anchor has not stored the file yet.")
        }
        return try await self.api.content(link, range: request.range)
    }

    func check() async throws(ProviderError) {
        _ = try await self.api.sessions(page: 1)
    }

    private func item(_ reference: DownloadReference) async throws(ProviderError) -> AnchorAPI.Item {
        guard let session = reference.session else { throw .notFound() }
        let items = try await self.api.downloads(session: session)
        guard let item = items.first(where: { Self.key($0) == reference.item }) else { throw .notFound() }
        return item
    }

    /// What the vendor said, in our words; `nil` for an item that could never be asked for again.
    func download(_ item: AnchorAPI.Item, session: String?) -> Download? {
        guard let key = Self.key(item) else { return nil }
        let names = [item.suggestedFileName, item.originalFileName, item.id?.text]
        let name = names.lazy.compactMap { $0 }.first { !$0.isEmpty } ?? "download"
        return Download(
            reference: DownloadReference(provider: self.id, session: session, item: key),
            name: name,
            size: item.size?.bytes,
            createdAt: item.createdAt?.date,
            sourceURL: item.originalDownloadURL,
            pageURL: item.originURL,
            native: [String: JSONValue](known: [
                ("id", item.id.map { .string($0.text) }),
                ("name", .string(name)),
                ("original_file_name", item.originalFileName.map { .string($0) }),
                ("duration", item.duration?.bytes.map { .integer($0) }),
            ])
        )
    }

    /// `a:` and the id; without one `l:` and a digest of the link, without its query, which may be signed anew each time.
    static func key(_ item: AnchorAPI.Item) -> String? {
        if let id = item.id?.text, let key = ItemKey.make("a", id) { return key }
        guard let link = item.fileLink?.split(separator: "?").first else { return nil }
        return "l:" + SHA256.hash(data: Data(link.utf8)).hexadecimal.prefix(32)
    }
}
