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
    let keys: KeyRing
    let cursors: CursorSeal
    let stallTimeout: Double
    let now: @Sendable () -> Date
    let sleep: @Sendable (Duration) async throws -> Void

    private static let forms = [MediaType.json, MediaType.lines, MediaType.csv, MediaType.events]

    func add(to router: Router<GatewayContext>) {
        router.get("/v1/logs", use: self.list)
    }

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.logs)
        guard let form = ContentNegotiation(accept: request.headers.joined(.accept)).best(of: Self.forms) else {
            throw Problem.notAcceptable(Self.forms)
        }
        let parameters = context.target?.parameters ?? []
        let last = form == MediaType.events ? try Self.lastEvent(request, context) : nil
        let question = Self.question(parameters)
        let query = try self.query(parameters, question)
        if form == MediaType.events { return try await self.live(query, after: last, for: caller, context) }
        // What has just happened is to be seen: the entries that wait are written first.
        await self.log.flush()
        let page = try await self.store.page(query, keyId: caller.may(.admin) ? nil : caller.id)
        return self.answer(page, to: question, as: form)
    }

    private func query(
        _ parameters: [(name: String, value: String)],
        _ question: String
    ) throws(Problem) -> LogQuery {
        do throws(LogQuery.Refusal) {
            // The log's own cursor says no more than where; to callers it is sealed to what they asked.
            return try LogQuery(
                parameters: parameters.map { name, value in
                    guard name == "cursor" else { return (name, value) }
                    let opened = self.cursors.body(in: value, for: question)
                    return (name, opened.flatMap { String(validating: $0, as: UTF8.self) } ?? "-")
                }
            )
        } catch {
            switch error {
            case .cursor: throw .field("cursor", "is not a cursor of the log", code: .invalidCursor)
            case .parameters(let problems): throw .fields(problems)
            }
        }
    }

    /// What is asked, whatever the page.
    private static func question(_ parameters: [(name: String, value: String)]) -> String {
        parameters.filter { !["cursor", "limit"].contains($0.name) }
            .map { "\($0.name)=\($0.value.utf8.count):\($0.value)" }.sorted().joined(separator: "&")
    }

    // MARK: Live

    /// The entries as they are written.
    private func live(
        _ query: LogQuery,
        after last: Int64?,
        for caller: Caller,
        _ context: GatewayContext
    ) async throws -> Response {
        let seesAll = caller.may(.admin)
        let tail = try await LogTail(
            after: last,
            of: self.log,
            in: self.store,
            matching: query,
            keyId: seesAll ? nil : caller.id
        )
        let (record, keys) = (context.record, self.keys)
        let stream = EventStream(
            next: { try await tail.next()?.map(ServerSentEvent.init) },
            lifetime: caller.expiresAt.map { .seconds(min(max($0.timeIntervalSince(self.now()), 0), 1e8)) },
            channel: context.channel,
            stallTimeout: self.stallTimeout,
            register: { keys.register(caller, needs: { $0.may(.logs) && (!seesAll || $0.may(.admin)) }, cut: $0) },
            sleep: self.sleep,
            onEnd: { outcome, bytes in record.bodyEnded(outcome, bytes: bytes) }
        )
        record.bodyWillStream()
        let headers: HTTPFields = [.contentType: MediaType.events, .vary: "Accept", .cacheControl: "no-store"]
        return Response(status: .ok, headers: headers, body: stream.responseBody())
    }

    /// The number of the entry that a listener saw last, where it comes back.
    private static func lastEvent(_ request: Request, _ context: GatewayContext) throws(Problem) -> Int64? {
        let names = Set((context.target?.parameters ?? []).map(\.name)).intersection(["cursor", "limit"])
        var problems = names.sorted().map { FieldProblem(field: $0, message: "does not go together with live events") }
        let ids = request.headers[values: .lastEventID]
        let last = ids.first.flatMap { LogTail.number(ofEntry: $0) }
        if ids.count > 1 || ids.count == 1 && last == nil {
            problems.append(FieldProblem(field: "Last-Event-ID", message: "must be the id of a log entry, as log_42"))
        }
        guard problems.isEmpty else { throw .fields(problems) }
        return last
    }

    // MARK: Pages

    private func answer(_ page: LogStore.Page, to question: String, as form: String) -> Response {
        var headers: HTTPFields = [.contentType: form, .vary: "Accept", .cacheControl: "no-store"]
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
            let cursor = page.nextCursor.map { self.cursors.text(of: Data($0.text.utf8), for: question) }
            body = JSONText.encode(LogPageRepresentation(page: page, nextCursor: cursor))
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}

extension ServerSentEvent {
    /// A log entry as an event.
    init(_ entry: LogEntry) {
        let data = JSONText.encode(LogEntryRepresentation(entry: entry))
        self.init(name: "log", id: entry.id, data: String(buffer: data))
    }
}

/// A page of the log, as JSON.
private struct LogPageRepresentation: Encodable {
    let page: LogStore.Page
    let nextCursor: String?

    private enum Key: String, CodingKey { case logs, nextCursor }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.page.entries.map(LogEntryRepresentation.init), forKey: .logs)
        try container.encode(self.nextCursor, forKey: .nextCursor)
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
