// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension DownloadRoutes {
    private static let forms = [
        MediaType.json, MediaType.lines, MediaType.csv, MediaType.zip, MediaType.events,
    ]

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.read)
        guard let form = ContentNegotiation(accept: request.headers.joined(.accept)).best(of: Self.forms) else {
            throw Problem.notAcceptable(Self.forms)
        }
        var query = context.query
        let onError = Self.onError(&query, form)
        let question = try self.question(&query, request, caller, paged: form == MediaType.json)
        Self.note(question, context)
        if form == MediaType.zip {
            return try await self.archive(of: question, onError: onError, for: caller, context)
        }
        if form == MediaType.events { return try self.events(of: question, for: caller, request, context) }
        let preferences = Preferences(request.headers)
        let list = try await context.record.timing(by: Self.part) {
            try await self.watch.list(question, for: caller, waiting: preferences.waiting)
        }
        try Self.throwIfAllFailed(list, question)
        return preferences.applied(to: self.answer(list, question, request, as: form))
    }

    /// Whether a list was answered out of the catalogue.
    private static func part(_ list: DownloadList) -> LogEntry.Timings.Part {
        list.sources.allSatisfy { [.cached, .stale, .skipped].contains($0.state) } ? .cache : .upstream
    }

    // MARK: The question

    static func note(_ question: ListRequest, _ context: GatewayContext) {
        context.record.note { entry in
            entry.provider = question.providers?.count == 1 ? question.providers?.first?.name : nil
            entry.sessionId = question.session.map(RedactedPath.withoutKey)
        }
    }

    /// What the filters ask for.
    func matching(_ query: inout QueryReader, _ request: Request, _ caller: Caller) -> ListRequest {
        var question = ListRequest()
        question.providers = self.providers(&query, caller)
        question.session = query.text("sessionId")
        question.filter = Self.filter(&query)
        question.recency = request.asksAnew ? .anew : .usual
        return question
    }

    private static func onError(_ query: inout QueryReader, _ form: String) -> Archive.OnError {
        guard let text = query.text("onError") else { return .breaks }
        if form != MediaType.zip { query.refuse("onError", "belongs to \(MediaType.zip)") }
        if text != "report" { query.refuse("onError", "must be report") }
        return .report
    }

    private func question(
        _ query: inout QueryReader,
        _ request: Request,
        _ caller: Caller,
        paged: Bool
    ) throws(Problem) -> ListRequest {
        var question = self.matching(&query, request, caller)
        if let text = query.text("sort") {
            if let sort = SortOrder(text) {
                question.sort = sort
            } else {
                query.refuse("sort", "must be createdAt, filename or size, with '-' in front for descending")
            }
        }
        let cursor = query.text("cursor")
        let limit = Int(query.integer("limit", in: 1...100) ?? 20)
        let offset = query.integer("offset", in: 0...1_000_000_000).map(Int.init)
        if cursor != nil && offset != nil { query.refuse("cursor", "does not go together with offset") }
        try query.finish()
        guard paged else { return question }
        question.window = .offset(offset ?? 0, limit: limit)
        if let cursor {
            guard let place = self.cursors.cursor(in: cursor, for: question) else {
                throw .field("cursor", "is not a cursor of this list", code: .invalidCursor)
            }
            question.window = .after(place, limit: limit)
        }
        return question
    }

    private func providers(_ query: inout QueryReader, _ caller: Caller) -> [ProviderID]? {
        query.list("provider")?
            .compactMap { name in
                // A provider that the caller may not see answers like one that does not exist.
                if let id = ProviderID(name), self.library.directory.current.providers[id] != nil,
                    caller.maySee(provider: id)
                {
                    return id
                }
                query.refuse("provider", "'\(name.prefix(64))' is not a provider here")
                return nil
            }
    }

    private static func filter(_ query: inout QueryReader) -> DownloadFilter {
        var filter = DownloadFilter()
        filter.filename = query.text("filename")
        filter.nameContains = query.text("q")
        filter.mimeType = query.text("mimeType")
        if let type = filter.mimeType, type.split(separator: "/", omittingEmptySubsequences: false).count != 2 {
            query.refuse("mimeType", "must be a media type as application/pdf, or image/*")
        }
        filter.minSize = query.integer("minSize", in: 0...Int64.max)
        filter.maxSize = query.integer("maxSize", in: 0...Int64.max)
        filter.createdAfter = query.time("createdAfter")
        filter.createdBefore = query.time("createdBefore")
        for name in query.list("status") ?? [] {
            if name == "active" {
                filter.statuses.formUnion([.queued, .downloading])
            } else if let status = DownloadStatus(rawValue: name) {
                filter.statuses.insert(status)
            } else {
                query.refuse("status", "must be queued, downloading, completed, failed, cancelled or active")
            }
        }
        return filter
    }

    // MARK: The answer

    /// 502 where every source that was asked failed; where one provider was asked, its own problem.
    private static func throwIfAllFailed(_ list: DownloadList, _ question: ListRequest) throws(Problem) {
        let asked = list.sources.filter { $0.state != .skipped }
        guard !asked.isEmpty, list.downloads.isEmpty, asked.allSatisfy({ $0.state == .failed && !$0.hasAnswered })
        else { return }
        if question.providers?.count == 1, let error = asked.first?.error { throw Problem(error) }
        let details = asked.map { "\($0.provider): \($0.error.map { Problem($0).code.rawValue } ?? "failed")" }
        throw Problem(.upstreamError, "Every provider failed: \(details.joined(separator: ", ")).")
    }

    private func answer(_ list: DownloadList, _ question: ListRequest, _ request: Request, as form: String) -> Response
    {
        var headers: HTTPFields = [.contentType: form, .vary: "Accept", .cacheControl: "private, no-cache"]
        let body: ByteBuffer
        switch form {
        case MediaType.lines: body = self.lines(list)
        case MediaType.csv:
            headers[.contentType] = MediaType.csv + "; charset=utf-8; header=present"
            body = self.csv(list)
        default:
            let cursor = list.next.map { self.cursors.text(of: $0, for: question) }
            headers[.linkTarget] = cursor.map { "<\(self.nextPage(after: request, cursor: $0))>; rel=\"next\"" }
            body = self.page(list, question, cursor)
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }

    private func page(_ list: DownloadList, _ question: ListRequest, _ cursor: String?) -> ByteBuffer {
        let (limit, offset) =
            switch question.window {
            case .offset(let offset, let limit): (limit, offset)
            case .after(_, let limit): (limit, 0)
            case .all: (list.downloads.count, 0)
            }
        let frame = ListRepresentation(list: list, limit: limit, offset: offset, nextCursor: cursor)
        return frame.json(list.downloads.map(self.texts.json))
    }

    private func lines(_ list: DownloadList) -> ByteBuffer {
        var body = ByteBuffer()
        for item in list.downloads {
            var line = self.texts.json(of: item)
            body.writeBuffer(&line)
            body.writeInteger(UInt8(ascii: "\n"))
        }
        return body
    }

    private func csv(_ list: DownloadList) -> ByteBuffer {
        var body = ByteBuffer(string: CSV.line(DownloadRepresentation.columns))
        for item in list.downloads {
            let row = self.texts.representation(of: item).row
            body.writeString(CSV.line(row))
        }
        return body
    }

    /// The address of the next page: this one's, with the cursor in place of the offset.
    private func nextPage(after request: Request, cursor: String) -> String {
        let query = (request.uri.query ?? "").split(separator: "&")
            .filter { !["cursor", "offset"].contains(RequestTarget.name(of: $0)) }
        return "\(self.texts.linkBase)/v1/downloads?" + (query + ["cursor=\(cursor)"]).joined(separator: "&")
    }
}
