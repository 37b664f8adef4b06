// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Notte in either of its generations: the older storage with links, or the newer files.
public final class NotteSimulator: Simulator {
    /// Which of the two APIs the account has.
    public enum Generation: Sendable {
        /// `/storage/{session}/downloads`: names for ids, links for bytes, no delete.
        case storage
        /// `/sessions/{session}/files`: ids, bytes, delete.
        case files
    }

    /// The key that is accepted.
    public static let apiKey = "notte-simulated-key-0003"

    /// What it holds.
    public let library: SimulatedLibrary
    /// Where its API listens.
    public let server: SimulatorServer
    /// Where its presigned links point to.
    public let storage: SimulatorServer?
    /// The credentials that it knows.
    public let keys: SimulatedKeys

    private init(
        library: SimulatedLibrary,
        keys: SimulatedKeys,
        server: SimulatorServer,
        storage: SimulatorServer
    ) {
        self.library = library
        self.keys = keys
        self.server = server
        self.storage = storage
    }

    /// Listens, where `port` is 0 on a free one.
    ///
    /// A link of the storage generation works `linkUses` times.
    public static func start(
        library: SimulatedLibrary,
        port: Int = 0,
        generation: Generation = .storage,
        linkUses: Int = 1,
        now: @escaping SimulatorClock = { Date() }
    ) async throws -> NotteSimulator {
        let links = SignedLinks(uses: linkUses, now: now)
        let storage = try await SimulatorServer.start(port: 0) { links.answer($0) }
        let keys = SimulatedKeys("apiKey", first: ["apiKey": Self.apiKey])
        let api = NotteAPI(library: library, keys: keys, generation: generation, links: links, storage: storage.baseURL)
        let server = try await SimulatorServer.start(port: port) { api.answer($0) }
        return NotteSimulator(library: library, keys: keys, server: server, storage: storage)
    }
}

struct NotteAPI: Sendable {
    let library: SimulatedLibrary
    let keys: SimulatedKeys
    let generation: NotteSimulator.Generation
    let links: SignedLinks
    let storage: String

    func answer(_ request: SimulatedRequest) -> SimulatedResponse {
        if request.path == "/health" { return .json(["status": "ok"]) }
        let key = request.authorization("Bearer")
        if let refusal = self.keys.refusal(of: key, unknown: "Authentication failed", Self.refuse) { return refusal }
        var routes = [Route("GET", "/sessions") { request, _ in try self.sessions(request) }]
        switch self.generation {
        case .storage:
            routes += [
                Route("GET", "/storage/uploads") { request, _ in try self.given(request) },
                Route("GET", "/storage/uploads/*") { _, names in try self.givenLink(names[0]) },
                Route("POST", "/storage/uploads/*") { request, names in try self.give(request, nil, names[0]) },
                Route("POST", "/storage/*/downloads/*") { request, ids in try self.give(request, ids[0], ids[1]) },
                Route("GET", "/storage/*/downloads") { request, ids in try self.list(request, ids[0]) },
                Route("GET", "/storage/*/downloads/*") { _, ids in try self.link(ids[0], name: ids[1]) },
            ]
        case .files:
            routes += [
                Route("GET", "/sessions/*/files") { request, ids in try self.files(request, ids[0]) },
                Route("GET", "/sessions/*/files/*") { _, ids in .file(try self.file(ids[0], id: ids[1])) },
                Route("POST", "/sessions/*/files") { request, ids in try self.upload(request, to: ids[0]) },
                Route("DELETE", "/sessions/*/files/*") { _, ids in try self.delete(ids[0], id: ids[1]) },
            ]
        }
        return Routes(routes: routes, refuse: Self.refuse).answer(request)
    }

    @Sendable static func refuse(_ status: Int, _ message: String) -> SimulatedResponse {
        .json(["message": .string(message)], status: status)
    }

    static func invalid(_ message: String) -> SimulatedResponse {
        let detail: JSON = [["loc": ["query"], "msg": .string(message), "type": "value_error"]]
        return .json(["detail": detail], status: 422)
    }

    func known(_ session: String) throws -> SimulatedSession {
        guard let session = self.library.session(session) else { throw Refusal(Self.refuse(404, "Session not found")) }
        return session
    }

    private func sessions(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let known: Set<String> = ["page", "page_size", "only_active", "only_current_token", "include_system"]
        let query = try StrictQuery(request, only: known, Self.invalid)
        let page = try query.integer("page", 1...1_000_000, default: 1)
        let size = try query.integer("page_size", 1...100, default: 10)
        _ = (try query.flag("only_current_token", default: false), try query.flag("include_system", default: true))
        // Hides finished sessions unless told otherwise.
        let onlyActive = try query.flag("only_active", default: true)
        let sessions = self.library.sessions.reversed().filter { !onlyActive || $0.state != .finished }
        let items = Array(sessions).page(offset: (page - 1) * size, limit: size)
        return .json([
            "items": .array(items.map(Self.session)), "page": .int(page), "page_size": .int(size),
            "has_next": .bool(Int64(sessions.count) > page * size), "has_previous": .bool(page > 1),
        ])
    }

    private static func session(_ session: SimulatedSession) -> JSON {
        let isOver = session.state == .finished
        return [
            "session_id": .string(session.id), "status": isOver ? "closed" : "active",
            "created_at": .string(session.createdAt.iso8601), "last_accessed_at": .string(session.createdAt.iso8601),
            "closed_at": isOver ? .string(session.createdAt.addingTimeInterval(300).iso8601) : .null,
        ]
    }

    // The storage generation: a name is the identity, so a later file of one name has taken the earlier one's place.
    private func stored(_ session: String) throws -> [SimulatedFile] {
        let files = self.library.files(in: try self.known(session).id)
        return files.filter { file in !files.contains { $0.name.isExactly(file.name) && $0.number > file.number } }
    }

    private func list(_ request: SimulatedRequest, _ session: String) throws -> SimulatedResponse {
        _ = try StrictQuery(request, only: [], Self.invalid)
        return .json(["files": .array(try self.stored(session).map(Self.info))])
    }

    static func info(_ file: SimulatedFile) -> JSON {
        let parts = file.name.split(separator: ".", omittingEmptySubsequences: false)
        let ending = parts.count > 1 ? String(parts[parts.count - 1]) : ""
        // The documentation does not say whether the dot belongs to it.
        let shown = file.number.isMultiple(of: 2) && !ending.isEmpty ? "." + ending : ending
        let fields: [String: JSON] = [
            "name": .string(file.name), "size": .int(file.size), "file_ext": .string(shown),
            "updated_at": file.number.isMultiple(of: 5) ? .null : .string(file.createdAt.iso8601),
        ]
        return .object(fields, without: file.missing)
    }

    private func link(_ session: String, name: String) throws -> SimulatedResponse {
        guard let file = try self.stored(session).first(where: { $0.name.isExactly(name) }) else {
            throw Refusal(Self.refuse(404, "File not found"))
        }
        return .json(["url": .string(self.links.make(.file(file), below: self.storage))])
    }

    private func files(_ request: SimulatedRequest, _ session: String) throws -> SimulatedResponse {
        let query = try StrictQuery(request, only: ["source", "limit", "offset"], Self.invalid)
        let source = try query.word("source", ["user_upload", "session_download"])
        let limit = try query.integer("limit", 1...1000, default: 100)
        let offset = try query.integer("offset", 0...(.max), default: 0)
        let id = try self.known(session).id
        let files = self.library.files.filter { file in
            file.session == id && (file.role == .download || file.role == .upload)
                && (source == nil || source == Self.source(of: file))
        }
        return .json([
            "files": .array(files.page(offset: offset, limit: limit).map(Self.json)), "total": .int(files.count),
            "limit": .int(limit), "offset": .int(offset),
        ])
    }

    private static func source(of file: SimulatedFile) -> String {
        file.role == .upload ? "user_upload" : "session_download"
    }

    static func json(_ file: SimulatedFile) -> JSON {
        let fields: [String: JSON] = [
            "id": .string(file.id), "session_id": .string(file.session ?? ""), "filename": .string(file.name),
            "mime_type": .string(file.mimeType), "size": .int(file.size),
            // Of an algorithm that the vendor does not name: whoever takes it for SHA-256 shall notice.
            "checksum": .string(String(file.contents.sha256.prefix(32))),
            "created_at": .string(file.createdAt.iso8601),
            "expires_at": .string(file.createdAt.addingTimeInterval(30 * 86_400).iso8601),
            "source": .string(Self.source(of: file)),
        ]
        return .object(fields, without: file.missing)
    }

    private func file(_ session: String, id: String) throws -> SimulatedFile {
        let session = try self.known(session).id
        guard let file = self.library.files.first(where: { $0.id == id && $0.session == session }) else {
            throw Refusal(Self.refuse(404, "File not found"))
        }
        return file
    }

    private func delete(_ session: String, id: String) throws -> SimulatedResponse {
        let file = try self.file(session, id: id)
        self.library.removeFiles { $0.number == file.number }
        return SimulatedResponse(200)
    }
}
