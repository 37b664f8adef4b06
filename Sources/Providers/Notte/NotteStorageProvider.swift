// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The downloads of Notte's sessions in the older `storage` API, where a file is its name.
///
/// It cannot delete.
struct NotteStorageProvider: Provider {
    let id: ProviderID
    let api: NotteAPI
    let sleep: @Sendable (Duration) async throws -> Void

    static let promises = Capabilities(listsSessions: true, namesAreIdentity: true, upload: true)

    var kind: String { NotteSettings.kind }
    var capabilities: Capabilities { Self.promises }

    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        try await self.api.sessions(limit: limit)
    }

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        guard let session = query.session else {
            throw .unsupported("list downloads outside of a session", by: self.id)
        }
        let files = try await self.api.storedFiles(session: session)
        return Page(items: files.compactMap { self.download($0, session: session) })
    }

    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        let (session, name) = try Self.parts(reference)
        let file = try await self.files(in: session).first { $0.name == name }
        guard let download = file.flatMap({ self.download($0, session: session) }) else { throw .notFound() }
        return download
    }

    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        let (session, name) = try Self.parts(reference)
        let link = try await self.link(session, name)
        do {
            return try await self.api.content(link, range: request.range)
        } catch {
            // The store refuses a link that has just expired, and may say so with 404: once more with a new one.
            guard error.refusesLink || error.kind == .notFound else { throw error }
        }
        let second = try await self.link(session, name)
        do {
            return try await self.api.content(second, range: request.range)
        } catch {
            throw error.refusesLink ? error.notAgain() : error
        }
    }

    func check() async throws(ProviderError) { try await self.api.check() }

    /// What the vendor said, in our words; `nil` for a file that could never be asked for again.
    func download(_ file: NotteAPI.StoredFile, session: String?) -> Download? {
        guard let key = ItemKey.make(session == nil ? "u" : "n", file.name) else { return nil }
        return Download(
            reference: DownloadReference(provider: self.id, session: session, item: key),
            name: file.name,
            size: file.size?.bytes,
            createdAt: file.updatedAt?.date,
            native: [String: JSONValue](known: [
                ("id", .string(file.name)),
                ("name", .string(file.name)),
                ("file_ext", file.fileExtension?.value.map { .string($0) }),
            ]),
            revision: Download.revisionOfName(size: file.size?.bytes, time: file.updatedAt?.date)
        )
    }

    /// The files of a session; `nil`: those that were given to the account, which no list of downloads shows.
    func files(in session: String?) async throws(ProviderError) -> [NotteAPI.StoredFile] {
        guard let session else { return try await self.api.givenFiles() }
        return try await self.api.storedFiles(session: session)
    }

    private func link(_ session: String?, _ name: String) async throws(ProviderError) -> String {
        guard let session else { return try await self.api.givenLink(name: name) }
        return try await self.api.link(session: session, name: name)
    }

    private static func parts(
        _ reference: DownloadReference
    ) throws(ProviderError) -> (session: String?, name: String) {
        let prefix = reference.session == nil ? "u" : "n"
        guard let name = ItemKey.identity(of: reference.item, prefix: prefix) else { throw .notFound() }
        return (reference.session, name)
    }
}
