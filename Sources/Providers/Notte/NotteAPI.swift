// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes

/// Notte's endpoints and wire types, both generations (docs.notte.cc, notte-sdk; providers.md, 1).
struct NotteAPI: Sendable {
    let client: UpstreamClient

    /// The newest sessions.
    ///
    /// `only_active` is true if it is not sent, which would hide every finished session.
    func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        var sessions: [Session] = []
        // Bounded, should the upstream never end.
        for page in 1...20 {
            let answer = try await self.client.json(SessionPage.self, self.sessionsCall(page: page, size: 100))
            sessions += answer.items.map { Session(id: $0.sessionID.text, createdAt: $0.createdAt?.date) }
            guard answer.hasNext?.value == true, !answer.items.isEmpty, sessions.count < limit else { break }
        }
        return sessions.newest(limit)
    }

    /// The cheapest authenticated call.
    func check() async throws(ProviderError) {
        _ = try await self.client.json(SessionPage.self, self.sessionsCall(page: 1, size: 1))
    }

    private func sessionsCall(page: Int, size: Int) -> UpstreamCall {
        let query = [("only_active", "false"), ("page_size", String(size)), ("page", String(page))]
        return UpstreamCall(.get, "/sessions", query: query.map { (name: $0.0, value: $0.1) })
    }

    struct SessionPage: Decodable {
        var items: [SessionItem]
        var hasNext: Lenient<Bool>?

        enum CodingKeys: String, CodingKey {
            case items
            case hasNext = "has_next"
        }
    }

    struct SessionItem: Decodable {
        var sessionID: WireID
        var createdAt: WireTime?

        enum CodingKeys: String, CodingKey {
            case sessionID = "session_id"
            case createdAt = "created_at"
        }
    }
}

/// The older generation: files are known by name, and their bytes are behind a link.
extension NotteAPI {
    /// All downloads of a session; there are no pages.
    func storedFiles(session: String) async throws(ProviderError) -> [StoredFile] {
        try await self.client.json(StoredFiles.self, UpstreamCall(.get, try self.storagePath(session))).files
    }

    /// A fresh link to a file's bytes; how long it lives is not documented, so that it is never kept.
    func link(session: String, name: String) async throws(ProviderError) -> String {
        let call = UpstreamCall(.get, "\(try self.storagePath(session))/\(try URLPath.part(name))")
        return try await self.client.json(Link.self, call).url
    }

    /// The files that were given to the account, outside of any session.
    func givenFiles() async throws(ProviderError) -> [StoredFile] {
        try await self.client.json(StoredFiles.self, UpstreamCall(.get, "/storage/uploads")).files
    }

    /// A fresh link to the bytes of such a file.
    func givenLink(name: String) async throws(ProviderError) -> String {
        try await self.client.json(Link.self, UpstreamCall(.get, "/storage/uploads/\(try URLPath.part(name))")).url
    }

    /// Puts a file into a session, where it counts as downloaded, or into the account; one of that name is replaced.
    func put(_ form: UpstreamStream, session: String?, name: String) async throws(ProviderError) {
        struct Answer: Decodable { var success: Lenient<Bool>? }
        let folder = try session.map { session throws(ProviderError) in try self.storagePath(session) }
        var call = UpstreamCall(.post, "\(folder ?? "/storage/uploads")/\(try URLPath.part(name))")
        call.stream = form
        guard try await self.client.json(Answer.self, call).success?.value != false else {
            throw ProviderError(.upstream(status: 200), message: "Notte did not take the file.")
        }
    }

    /// The bytes behind a link, without the key: the link is the permission.
    func content(_ link: String, range: ByteRange?) async throws(ProviderError) -> Content {
        try await self.client.follow(link, range: range, sendsCredential: false)
    }

    private func storagePath(_ session: String) throws(ProviderError) -> String {
        "/storage/\(try URLPath.part(session))/downloads"
    }

    struct StoredFiles: Decodable {
        var files: [StoredFile]
    }

    struct StoredFile: Decodable {
        var name: String
        var size: WireSize?
        var fileExtension: Lenient<String>?
        var updatedAt: WireTime?

        enum CodingKeys: String, CodingKey {
            case name
            case size
            case fileExtension = "file_ext"
            case updatedAt = "updated_at"
        }
    }

    struct Link: Decodable {
        var url: String
    }
}

/// The newer generation: files have ids, and their bytes come directly.
extension NotteAPI {
    /// Where a file of a session came from.
    enum Source: String {
        case download = "session_download"
        case upload = "user_upload"
    }

    /// One page of a session's files.
    func sessionFiles(
        session: String,
        _ source: Source = .download,
        offset: Int
    ) async throws(ProviderError) -> SessionFiles {
        let query = [("source", source.rawValue), ("limit", String(Self.filesPerPage)), ("offset", String(offset))]
        let path = try self.filesPath(session)
        return try await self.client.json(
            SessionFiles.self,
            UpstreamCall(.get, path, query: query.map { (name: $0.0, value: $0.1) })
        )
    }

    /// The bytes of a file.
    func content(session: String, file: String, range: ByteRange?) async throws(ProviderError) -> Content {
        let path = "\(try self.filesPath(session))/\(try URLPath.part(file))"
        return try await self.client.content(UpstreamCall(.get, path, accept: "*/*", range: range, maxRedirects: 5))
    }

    /// Puts a file into a session.
    func put(_ form: UpstreamStream, session: String) async throws(ProviderError) -> SessionFile {
        var call = UpstreamCall(.post, try self.filesPath(session))
        call.stream = form
        return try await self.client.json(SessionFile.self, call)
    }

    /// Removes a file.
    func delete(session: String, file: String) async throws(ProviderError) {
        let path = "\(try self.filesPath(session))/\(try URLPath.part(file))"
        try await self.client.perform(UpstreamCall(.delete, path))
    }

    static let filesPerPage = 1000

    private func filesPath(_ session: String) throws(ProviderError) -> String {
        "/sessions/\(try URLPath.part(session))/files"
    }

    struct SessionFiles: Decodable {
        var files: [SessionFile]
        var total: Lenient<Int>?
    }

    struct SessionFile: Decodable {
        var id: WireID
        var filename: String
        var mimeType: String?
        var size: WireSize?
        var checksum: String?
        var createdAt: WireTime?
        var expiresAt: WireTime?
        var source: String?

        enum CodingKeys: String, CodingKey {
            case id
            case filename
            case mimeType = "mime_type"
            case size
            case checksum
            case createdAt = "created_at"
            case expiresAt = "expires_at"
            case source
        }
    }
}
