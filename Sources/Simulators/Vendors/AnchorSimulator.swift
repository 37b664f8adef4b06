// SPDX-License-Identifier: Apache-2.0

import Crypto
public import Foundation

/// AnchorBrowser: sessions, their downloads, and the links that need the key.
public final class AnchorSimulator: Simulator {
    /// Where a `file_link` leads.
    public enum Links: Sendable {
        /// To the API, which answers the bytes.
        case own
        /// To the API, which redirects to an object store.
        case redirected
        /// To an object store at once.
        case foreign
    }

    /// What the vendor's documentation leaves open.
    public struct Options: Sendable {
        /// Where a `file_link` leads.
        public var links = Links.own
        /// Whether a session without downloads answers 404 instead of an empty list.
        public var emptyIsNotFound = false
        /// Whether the API's own links honour `Range`.
        public var supportsRange = false

        /// Own links without ranges; empty lists.
        public init(links: Links = .own, emptyIsNotFound: Bool = false, supportsRange: Bool = false) {
            self.links = links
            self.emptyIsNotFound = emptyIsNotFound
            self.supportsRange = supportsRange
        }
    }

    /// The key that is accepted.
    public static let apiKey = "sk-anchor-simulated-key-0002"

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
    public static func start(
        library: SimulatedLibrary,
        port: Int = 0,
        options: Options = Options(),
        now: @escaping SimulatorClock = { Date() }
    ) async throws -> AnchorSimulator {
        let links = SignedLinks(uses: 1, now: now)
        let storage = try await SimulatorServer.start(port: 0) { links.answer($0) }
        let keys = SimulatedKeys("apiKey", first: ["apiKey": Self.apiKey])
        let api = AnchorAPI(library: library, keys: keys, options: options, links: links, storage: storage.baseURL)
        let server = try await SimulatorServer.start(port: port) { api.answer($0) }
        return AnchorSimulator(library: library, keys: keys, server: server, storage: storage)
    }
}

private struct AnchorAPI: Sendable {
    let library: SimulatedLibrary
    let keys: SimulatedKeys
    let options: AnchorSimulator.Options
    let links: SignedLinks
    let storage: String

    func answer(_ request: SimulatedRequest) -> SimulatedResponse {
        let key = request.header("anchor-api-key")
        if let refusal = self.keys.refusal(of: key, unknown: "Invalid or missing API key", Self.refuse) {
            return refusal
        }
        let routes = [
            Route("GET", "/v1/sessions") { request, _ in try self.sessions(request) },
            Route("GET", "/v1/sessions/all/status") { request, _ in try self.statuses(request) },
            Route("GET", "/v1/sessions/*") { _, ids in .json(["data": Self.session(try self.known(ids[0]), id: "id")])
            },
            Route("GET", "/v1/sessions/*/downloads") { request, ids in try self.downloads(request, of: ids[0]) },
            Route("GET", "/fetch/*") { request, ids in try self.fetch(request, token: ids[0]) },
        ]
        return Routes(routes: routes, refuse: Self.refuse).answer(request)
    }

    @Sendable private static func refuse(_ status: Int, _ message: String) -> SimulatedResponse {
        .json(["error": ["code": .int(status), "message": .string(message)]], status: status)
    }

    private func known(_ session: String) throws -> SimulatedSession {
        guard let session = self.library.session(session) else { throw Refusal(Self.refuse(404, "Session not found")) }
        return session
    }

    private static let filters: Set<String> = [
        "tags", "domains", "created_from", "created_to", "batch_id", "task_initiated", "playground", "proxy",
        "extra_stealth", "profile_name", "sort_by", "sort_order",
    ]

    private func sorted(_ query: StrictQuery) throws -> [SimulatedSession] {
        _ = try query.word("sort_by", ["created_at"])
        let isDescending = try query.word("sort_order", ["asc", "desc"]) == "desc"
        let (from, to) = (try query.date("created_from"), try query.date("created_to"))
        let sessions = self.library.sessions.filter { session in
            (from.map { session.createdAt >= $0 } ?? true) && (to.map { session.createdAt <= $0 } ?? true)
        }
        return isDescending ? sessions.reversed() : sessions
    }

    private func sessions(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let known = Self.filters.union(["page", "limit", "search", "status"])
        let query = try StrictQuery(request, only: known) { Self.refuse(400, $0) }
        let limit = Int64(try query.word("limit", ["10", "20", "50"]) ?? "10") ?? 10
        let page = try query.integer("page", 1...1_000_000, default: 1)
        let sessions = try self.sorted(query)
        return .json([
            "data": [
                "sessions": .array(
                    sessions.page(offset: (page - 1) * limit, limit: limit).map { Self.session($0, id: "id") }
                ),
                "total": .int(sessions.count), "page": .int(page),
                "total_pages": .int((Int64(sessions.count) + limit - 1) / limit),
            ]
        ])
    }

    private func statuses(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let query = try StrictQuery(request, only: Self.filters) { Self.refuse(400, $0) }
        let sessions = try self.sorted(query)
        let items = JSON.array(sessions.map { Self.session($0, id: "session_id") })
        return .json(["data": ["count": .int(sessions.count), "items": items]])
    }

    private static func session(_ session: SimulatedSession, id: String) -> JSON {
        [
            id: .string(session.id), "status": session.state == .finished ? "completed" : "running", "tags": [],
            "created_at": .string(session.createdAt.iso8601),
        ]
    }

    private func downloads(_ request: SimulatedRequest, of session: String) throws -> SimulatedResponse {
        _ = try StrictQuery(request, only: []) { Self.refuse(400, $0) }
        let files = self.library.files(in: try self.known(session).id)
        if files.isEmpty && self.options.emptyIsNotFound {
            throw Refusal(Self.refuse(404, "No downloads found for this session"))
        }
        let items = files.map { self.json($0, origin: request.origin) }
        return .json(["data": ["count": .int(items.count), "items": .array(items)]])
    }

    private func json(_ file: SimulatedFile, origin: String) -> JSON {
        let link =
            self.options.links == .foreign
            ? self.links.make(.file(file), below: self.storage) : "\(origin)/fetch/\(Self.token(of: file))?v=2"
        let fields: [String: JSON] = [
            "id": .string(file.id), "file_link": .string(link),
            "original_download_url": .string("https://files.example.com/get/\(file.number)"),
            "origin_url": "https://www.example.com/reports", "suggested_file_name": .string(file.name),
            "original_file_name": .string(file.name), "duration": .int(120 + file.number % 100),
            "size": .int(file.size),
            "created_at": .string(file.createdAt.iso8601),
        ]
        return .object(fields, without: file.missing)
    }

    /// Cannot be made of the ids.
    private static func token(of file: SimulatedFile) -> String {
        SHA256.hash(data: Data("anchor link \(file.contents.seed)".utf8)).prefix(12).hex
    }

    private func fetch(_ request: SimulatedRequest, token: String) throws -> SimulatedResponse {
        guard request.rawQuery == "v=2", let file = self.library.files.first(where: { Self.token(of: $0) == token })
        else {
            throw Refusal(Self.refuse(404, "Download not found"))
        }
        if self.options.links == .redirected {
            return SimulatedResponse(302, headers: ["Location": self.links.make(.file(file), below: self.storage)])
        }
        return self.options.supportsRange ? .ranged(file, for: request) : .file(file)
    }
}
