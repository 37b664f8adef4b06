// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `/v1/logs`: what was asked of the gateway.
///
/// A caller without `admin` sees its own entries.
struct LogRoutes: Sendable {
    let log: LogWriter
    let store: LogStore

    private static let forms = [MediaType.json, MediaType.lines, MediaType.csv]

    func add(to router: Router<GatewayContext>) {
        router.get("/v1/logs", use: self.list)
    }

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.logs)
        guard let form = ContentNegotiation(accept: request.headers.joined(.accept)).best(of: Self.forms) else {
            throw Problem.notAcceptable(Self.forms)
        }
        let query = try Self.query(context)
        // What has just happened is to be seen: the entries that wait are written first.
        await self.log.flush()
        let page = try await self.store.page(query, keyId: caller.may(.admin) ? nil : caller.id)
        return Self.answer(page, as: form)
    }

    private static func query(_ context: GatewayContext) throws(Problem) -> LogQuery {
        do throws(LogQuery.Refusal) {
            return try LogQuery(parameters: context.target?.parameters ?? [])
        } catch {
            switch error {
            case .cursor: throw .field("cursor", "is not a cursor of the log", code: .invalidCursor)
            case .parameters(let problems): throw .fields(problems)
            }
        }
    }

    private static func answer(_ page: LogStore.Page, as form: String) -> Response {
        var headers: HTTPFields = [.contentType: form, .vary: "Accept", .cacheControl: "private, no-store"]
        var body = ByteBuffer()
        switch form {
        case MediaType.lines:
            for entry in page.entries {
                var line = JSONText.encode(LogEntryRepresentation(entry: entry))
                body.writeBuffer(&line)
                body.writeInteger(UInt8(ascii: "\n"))
            }
        case MediaType.csv:
            headers[.contentType] = MediaType.csv + "; charset=utf-8; header=present"
            body.writeString(CSV.line(LogEntryRepresentation.columns))
            for entry in page.entries { body.writeString(CSV.line(LogEntryRepresentation(entry: entry).row)) }
        default:
            body = JSONText.encode(LogPageRepresentation(page: page))
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}

/// A page of the log, as JSON.
private struct LogPageRepresentation: Encodable {
    let page: LogStore.Page

    private enum Key: String, CodingKey { case logs, nextCursor }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.page.entries.map(LogEntryRepresentation.init), forKey: .logs)
        try container.encode(self.page.nextCursor?.text, forKey: .nextCursor)
    }
}

/// The log entry of the contract, as JSON.
public struct LogEntryRepresentation: Encodable {
    let entry: LogEntry

    /// Represents an entry.
    public init(entry: LogEntry) { self.entry = entry }

    private enum Key: String, CodingKey {
        case id, time, requestId, keyId, caller, method, route, path, status, code, outcome, provider, sessionId
        case downloadId, bytesIn, bytesOut, durationMs, timings, address, userAgent, hash
    }

    /// Writes every field of the contract; one without a value is `null`.
    public func encode(to encoder: any Encoder) throws {
        let entry = self.entry
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(entry.id, forKey: .id)
        try container.encode(RFC3339.format(entry.time), forKey: .time)
        try container.encode(entry.requestId, forKey: .requestId)
        try container.encode(entry.keyId, forKey: .keyId)
        try container.encode(entry.caller, forKey: .caller)
        try container.encode(entry.method, forKey: .method)
        try container.encode(entry.route, forKey: .route)
        try container.encode(entry.path, forKey: .path)
        try container.encode(entry.status, forKey: .status)
        try container.encode(entry.code, forKey: .code)
        try container.encode(entry.outcome.rawValue, forKey: .outcome)
        try container.encode(entry.provider, forKey: .provider)
        try container.encode(entry.sessionId, forKey: .sessionId)
        try container.encode(entry.downloadId, forKey: .downloadId)
        try container.encode(entry.bytesIn, forKey: .bytesIn)
        try container.encode(entry.bytesOut, forKey: .bytesOut)
        try container.encode(entry.durationMs.rounded(toPlaces: 3), forKey: .durationMs)
        try container.encode(Timings(timings: entry.timings), forKey: .timings)
        try container.encode(entry.address, forKey: .address)
        try container.encode(entry.userAgent, forKey: .userAgent)
        try container.encode(entry.hash?.hexadecimal, forKey: .hash)
    }

    private struct Timings: Encodable {
        let timings: LogEntry.Timings

        enum Key: String, CodingKey { case auth, limit, cache, upstream, body }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(self.timings.auth?.rounded(toPlaces: 3), forKey: .auth)
            try container.encode(self.timings.limit?.rounded(toPlaces: 3), forKey: .limit)
            try container.encode(self.timings.cache?.rounded(toPlaces: 3), forKey: .cache)
            try container.encode(self.timings.upstream?.rounded(toPlaces: 3), forKey: .upstream)
            try container.encode(self.timings.body?.rounded(toPlaces: 3), forKey: .body)
        }
    }

    /// The columns of the CSV form.
    static let columns = [
        "id", "time", "requestId", "keyId", "caller", "method", "route", "path", "status", "code", "outcome",
        "provider",
        "sessionId", "downloadId", "bytesIn", "bytesOut", "durationMs", "address", "userAgent",
    ]

    /// The values of ``columns``.
    var row: [String?] {
        let entry = self.entry
        return [
            entry.id, RFC3339.format(entry.time), entry.requestId, entry.keyId, entry.caller, entry.method, entry.route,
            entry.path, String(entry.status), entry.code, entry.outcome.rawValue, entry.provider, entry.sessionId,
            entry.downloadId, String(entry.bytesIn), String(entry.bytesOut), "\(entry.durationMs.rounded(toPlaces: 3))",
            entry.address, entry.userAgent,
        ]
    }
}

extension Double {
    /// Fewer digits, for people.
    func rounded(toPlaces places: Int) -> Double {
        let factor = Double((0..<places).reduce(1) { product, _ in product * 10 })
        return (self * factor).rounded() / factor
    }
}
