// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Browserbase: the Downloads API, the older zip of a session, and the sessions.
public final class BrowserbaseSimulator: Simulator {
    /// What the vendor's documentation leaves open, or grants only to some.
    public struct Options: Sendable {
        /// Whether the account has the Downloads API; without it that answers 403.
        public var downloadsAPI = true
        /// Whether the bytes honour `Range`.
        public var supportsRange = false

        /// An account with the Downloads API and without ranges.
        public init(downloadsAPI: Bool = true, supportsRange: Bool = false) {
            self.downloadsAPI = downloadsAPI
            self.supportsRange = supportsRange
        }
    }

    /// The key that is accepted.
    public static let apiKey = "bb_live_simulated-key-0001"

    /// What it holds.
    public let library: SimulatedLibrary
    /// Where its API listens.
    public let server: SimulatorServer
    /// Where its presigned links point to.
    public var storage: SimulatorServer? { nil }
    /// The credentials that it knows.
    public let keys: SimulatedKeys

    private init(library: SimulatedLibrary, keys: SimulatedKeys, server: SimulatorServer) {
        self.library = library
        self.keys = keys
        self.server = server
    }

    /// Listens, where `port` is 0 on a free one.
    public static func start(
        library: SimulatedLibrary,
        port: Int = 0,
        options: Options = Options()
    ) async throws -> BrowserbaseSimulator {
        let keys = SimulatedKeys("apiKey", first: ["apiKey": Self.apiKey])
        let api = BrowserbaseAPI(library: library, keys: keys, options: options)
        let server = try await SimulatorServer.start(port: port) { api.answer($0) }
        return BrowserbaseSimulator(library: library, keys: keys, server: server)
    }
}

private struct BrowserbaseAPI: Sendable {
    let library: SimulatedLibrary
    let keys: SimulatedKeys
    let options: BrowserbaseSimulator.Options

    func answer(_ request: SimulatedRequest) -> SimulatedResponse {
        let key = request.header("X-BB-API-Key")
        if let refusal = self.keys.refusal(of: key, unknown: "Invalid API key", Self.refuse) { return refusal }
        let routes = [
            Route("GET", "/v1/sessions") { request, _ in try self.sessions(request) },
            Route("GET", "/v1/sessions/*") { _, ids in .json(Self.session(try self.known(ids[0]))) },
            Route("GET", "/v1/sessions/*/downloads") { request, ids in try self.zip(request, of: ids[0]) },
            Route("GET", "/v1/downloads") { request, _ in try self.list(request) },
            Route("GET", "/v1/downloads/*") { request, ids in try self.download(request, ids[0]) },
            Route("DELETE", "/v1/downloads/*") { _, ids in try self.delete(ids[0]) },
        ]
        return Routes(routes: routes, refuse: Self.refuse).answer(request)
    }

    @Sendable private static func refuse(_ status: Int, _ message: String) -> SimulatedResponse {
        let words = [
            400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 406: "Not Acceptable",
            429: "Too Many Requests",
        ]
        let error = words[status] ?? "Error"
        return .json(
            ["statusCode": .int(status), "error": .string(error), "message": .string(message)],
            status: status
        )
    }

    private func known(_ session: String) throws -> SimulatedSession {
        guard let session = self.library.session(session) else { throw Refusal(Self.refuse(404, "Session not found")) }
        return session
    }

    private func sessions(_ request: SimulatedRequest) throws -> SimulatedResponse {
        let query = try StrictQuery(request, only: ["status", "q"]) { Self.refuse(400, $0) }
        let status = try query.word("status", ["PENDING", "RUNNING", "ERROR", "TIMED_OUT", "COMPLETED"])
        let sessions = self.library.sessions.filter { status == nil || Self.status(of: $0) == status }
        return .json(.array(sessions.map(Self.session)))
    }

    private static func status(of session: SimulatedSession) -> String {
        switch session.state {
        case .running: "RUNNING"
        case .starting: "PENDING"
        case .finished: "COMPLETED"
        }
    }

    private static func session(_ session: SimulatedSession) -> JSON {
        let isOver = session.state == .finished
        let end: JSON = isOver ? .string(session.createdAt.addingTimeInterval(300).iso8601) : .null
        return [
            "id": .string(session.id), "createdAt": .string(session.createdAt.iso8601),
            "startedAt": .string(session.createdAt.iso8601), "endedAt": end,
            "expiresAt": .string(session.createdAt.addingTimeInterval(3600).iso8601),
            "updatedAt": .string(session.createdAt.iso8601), "status": .string(Self.status(of: session)),
            "projectId": "5d0e0000-0000-4000-8000-000000000001", "region": "us-west-2", "keepAlive": false,
            "userMetadata": [:],
        ]
    }

    private func requireDownloadsAPI() throws {
        guard self.options.downloadsAPI else {
            throw Refusal(Self.refuse(403, "The Downloads API is not available to this account"))
        }
    }

    private func list(_ request: SimulatedRequest) throws -> SimulatedResponse {
        try self.requireDownloadsAPI()
        let query = try StrictQuery(
            request,
            only: [
                "sessionId", "filename", "mimeType", "minSize", "maxSize", "createdAfter", "createdBefore", "limit",
                "offset",
            ]
        ) { Self.refuse(400, $0) }
        let session = try self.known(query.required("sessionId"))
        let limit = try query.integer("limit", 1...100, default: 20)
        let offset = try query.integer("offset", 0...(.max), default: 0)
        let (minSize, maxSize) = (try query.integer("minSize"), try query.integer("maxSize"))
        let (after, before) = (try query.date("createdAfter"), try query.date("createdBefore"))
        let matching = self.library.files(in: session.id).filter { file in
            (query.text("filename").map { $0 == file.name } ?? true)
                && (query.text("mimeType").map { $0 == file.mimeType } ?? true)
                && (minSize.map { file.size >= $0 } ?? true) && (maxSize.map { file.size <= $0 } ?? true)
                && (after.map { file.createdAt >= $0 } ?? true) && (before.map { file.createdAt <= $0 } ?? true)
        }
        return .json([
            "downloads": .array(matching.page(offset: offset, limit: limit).map(Self.json)),
            "total": .int(matching.count),
            "limit": .int(limit), "offset": .int(offset),
        ])
    }

    private static func json(_ file: SimulatedFile) -> JSON {
        let fields: [String: JSON] = [
            "id": .string(file.id), "sessionId": .string(file.session ?? ""), "filename": .string(file.name),
            "mimeType": .string(file.mimeType), "size": .int(file.size), "checksum": .string(file.contents.sha256),
            "createdAt": .string(file.createdAt.iso8601),
        ]
        return .object(fields, without: file.missing)
    }

    private func download(_ request: SimulatedRequest, _ id: String) throws -> SimulatedResponse {
        try self.requireDownloadsAPI()
        guard let file = self.library.files.first(where: { $0.id == id && $0.role == .download }) else {
            throw Refusal(Self.refuse(404, "Download not found"))
        }
        switch request.header("Accept") {
        case "application/json":
            return .json(Self.json(file))
        case "application/octet-stream", nil:
            return self.options.supportsRange ? .ranged(file, for: request) : .file(file)
        default:
            // For `*/*` the documentation promises nothing: whoever relies on it shall notice.
            return Self.refuse(406, "Accept must be application/json or application/octet-stream")
        }
    }

    private func delete(_ id: String) throws -> SimulatedResponse {
        try self.requireDownloadsAPI()
        guard self.library.removeFiles(where: { $0.id == id && $0.role == .download }) > 0 else {
            throw Refusal(Self.refuse(404, "Download not found"))
        }
        return SimulatedResponse(204)
    }

    private func zip(_ request: SimulatedRequest, of session: String) throws -> SimulatedResponse {
        guard request.header("Accept") == "application/zip" else {
            throw Refusal(Self.refuse(406, "Accept must be application/zip"))
        }
        let entries = self.library.files(in: try self.known(session).id).map { file in
            StoredZip.Entry(
                name: Self.stamped(file.name, file.createdAt.unixMilliseconds),
                modifiedAt: file.createdAt,
                contents: file.contents
            )
        }
        return SimulatedResponse(
            200,
            headers: ["Content-Type": "application/zip"],
            body: StoredZip(entries: entries).body
        )
    }

    /// `sample-1719265797164.pdf`.
    private static func stamped(_ name: String, _ milliseconds: Int64) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "\(name)-\(milliseconds)" }
        return "\(name[..<dot])-\(milliseconds)\(name[dot...])"
    }
}
