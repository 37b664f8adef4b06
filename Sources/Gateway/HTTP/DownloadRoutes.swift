// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `/v1/downloads` and `/v1/downloads/{id}`.
struct DownloadRoutes: Sendable {
    let library: DownloadLibrary
    let keys: KeyRing
    let cursors: ListCursorCoder
    let texts: DownloadTexts
    let stallTimeout: Double
    let watch: DownloadWatch
    let now: @Sendable () -> Date

    func add(to router: Router<GatewayContext>) {
        router.get("/v1/downloads", use: self.list)
        router.post("/v1/downloads", use: self.create)
        router.delete("/v1/downloads", use: self.deleteAll)
        router.get("/v1/downloads/{id}", use: self.get)
        router.head("/v1/downloads/{id}", use: self.get)
        router.delete("/v1/downloads/{id}", use: self.delete)
        router.post("/v1/downloads/{id}/cancel", use: self.cancel)
    }

    // MARK: One download

    @Sendable
    func get(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.read)
        let id = try Self.id(context)
        var query = context.query
        try query.finish()
        let recency = request.asksAnew ? Recency.anew : .usual
        let (place, known) = try await context.record.timing(.cache) { () async throws(ProviderError) in
            let place = try await self.library.resolve(id, for: caller)
            // Noted before the upstream may fail: what the request was about is known then too.
            context.record.note(place.reference, id: id)
            return (place, try await self.library.preview(place, bypassesCache: recency == .anew))
        }
        let own = known.mimeType.map(MediaType.essence) ?? MediaType.bytes
        // For a file that is itself JSON, `application/json` asks for the metadata, as for every other.
        var offers = (own == MediaType.json ? [] : [own]) + [MediaType.bytes, MediaType.json]
        if request.method != .head { offers.append(MediaType.events) }
        guard let type = ContentNegotiation(accept: request.headers.joined(.accept)).best(of: offers) else {
            throw Problem.notAcceptable(offers)
        }
        if type == MediaType.events {
            return self.events(of: ListedDownload(id: id, download: known), for: caller, context)
        }
        if type == MediaType.json {
            // Asked anew a moment ago, it is not asked twice.
            let new = recency == .anew ? self.library.digests.completing(known) : nil
            return try await self.metadata(of: place, new, id, recency, for: caller, request, context)
        }
        let content = ContentAnswer(
            download: known,
            id: id,
            digest: self.library.digests.completing(known).checksum,
            asksForBytes: type == MediaType.bytes
                && (![MediaType.bytes, MediaType.json].contains(own) || Self.names(type, request.headers))
        )
        return try await self.content(content, for: caller, request, context)
    }

    private func metadata(
        of place: DownloadLibrary.Place,
        _ known: Download?,
        _ id: String,
        _ recency: Recency,
        for caller: Caller,
        _ request: Request,
        _ context: GatewayContext
    ) async throws -> Response {
        let preferences = Preferences(request.headers)
        if preferences.wait != nil {
            let listed = try await context.record.timing(.cache) { () async throws in
                try await self.watch.download(id, for: caller, recency, waiting: preferences.waiting)
            }
            return preferences.applied(to: self.metadata(listed))
        }
        let download = try await context.record.timing(.cache) { () async throws(ProviderError) in
            if let known { return known }
            return try await self.library.download(place, recency)
        }
        let json = self.texts.json(of: ListedDownload(id: id, download: download))
        if recency == .usual {
            context.record.metadata = KnownMetadata(
                download,
                at: place,
                json: json,
                for: caller,
                asked: request.headers
            )
        }
        return Self.metadata(json)
    }

    func metadata(_ listed: ListedDownload) -> Response { Self.metadata(self.texts.json(of: listed)) }

    /// The fields of every answer that is one download's metadata.
    static let metadataFields: HTTPFields = [
        .contentType: MediaType.json, .vary: "Accept", .cacheControl: "private, no-cache",
    ]

    private static func metadata(_ json: ByteBuffer) -> Response {
        Response(status: .ok, headers: Self.metadataFields, body: ResponseBody(byteBuffer: json))
    }

    /// The bytes, or what the conditions make of them.
    private func content(
        _ answer: ContentAnswer,
        for caller: Caller,
        _ request: Request,
        _ context: GatewayContext
    ) async throws -> Response {
        // Conditions are held against a file that could be had (RFC 9110, 13.2.1).
        try DownloadLibrary.checkHasBytes(answer.download)
        let conditions = Preconditions(request.headers)
        switch conditions.evaluate(etag: answer.etag, lastModified: answer.lastModified, isRead: true) {
        case .notModified: return Response(status: .notModified, headers: answer.validators)
        case .failed: throw Problem(.preconditionFailed, "The file is not the one that the condition names.")
        case .proceed: break
        }
        if request.method == .head { return answer.head() }
        let ranges = try Self.ranges(of: request, conditions, answer)
        var answer = answer
        if ranges.count > 1 {
            var source = SystemRandomNumberGenerator()
            answer.boundary = MultipartRanges.boundary(using: &source)
        }
        return try await self.bytes(answer, ranges, for: caller, context)
    }

    /// The ranges that the answer is to honour; none for the whole file.
    private static func ranges(
        of request: Request,
        _ conditions: Preconditions,
        _ answer: ContentAnswer
    ) throws(ProviderError) -> [ByteRange] {
        guard conditions.allowsRange(etag: answer.etag, lastModified: answer.lastModified) else { return [] }
        switch ByteRangeHeader(request.headers[.range]) {
        case .none: return []
        case .ranges(let ranges): return ranges
        case .tooMany:
            let message = "One request may ask for at most \(ByteRangeHeader.most) ranges."
            throw .rangesRefused(size: answer.download.size, message)
        }
    }

    private func bytes(
        _ answer: ContentAnswer,
        _ ranges: [ByteRange],
        for caller: Caller,
        _ context: GatewayContext
    ) async throws -> Response {
        let (record, keys, reference) = (context.record, self.keys, answer.download.reference)
        let (opened, allowance) = try await context.requireLimits().open(
            expecting: answer.length(of: ranges)
        ) { () async throws(ProviderError) in
            try await record.timing(.upstream) { () async throws(ProviderError) in
                answer.framing(try await self.library.open(answer.download, ranges: ranges))
            }
        }
        let stream = StreamingBody(
            body: opened.body,
            length: opened.length,
            channel: context.channel,
            stallTimeout: self.stallTimeout,
            register: { keys.register(caller, needs: { $0.may(.read) && $0.maySee(reference) }, cut: $0) },
            relayed: self.library.relayed,
            onEnd: { outcome, bytes, isSent in
                allowance?.end(sent: bytes)
                record.bodyEnded(outcome, bytes: bytes, isSent: isSent)
            }
        )
        record.bodyWillStream()
        return answer.with(opened).response(opened, body: stream.responseBody())
    }

    @Sendable
    func delete(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.delete)
        let id = try Self.id(context)
        var query = context.query
        try query.finish()
        let place = try await context.record.timing(.cache) { () async throws(ProviderError) in
            try await self.library.resolve(id, for: caller)
        }
        context.record.note(place.reference, id: id)
        try await context.record.timing(.upstream) { () async throws in
            try await self.check(Preconditions(request.headers), on: id, at: place)
            try await self.library.delete(id, for: caller)
        }
        return Response(status: .noContent)
    }

    /// Holds the conditions of a request that changes something, where it has any, against the file as it is now.
    private func check(_ conditions: Preconditions, on id: String, at place: DownloadLibrary.Place) async throws {
        guard conditions.areGiven else { return }
        let download = try await self.library.preview(place, bypassesCache: true)
        let answer = ContentAnswer(download: download, id: id, digest: nil, asksForBytes: false)
        guard conditions.evaluate(etag: answer.etag, lastModified: answer.lastModified, isRead: false) == .proceed
        else {
            throw Problem(.preconditionFailed, "The file is not the one that the condition names.")
        }
    }

    static func id(_ context: GatewayContext) throws(Problem) -> String {
        guard let id = context.parameters.get("id") else { throw Problem.notFound }
        return id
    }

    /// Whether `Accept` names a type itself, not by a wildcard.
    private static func names(_ type: String, _ headers: HTTPFields) -> Bool {
        let accept = headers.joined(.accept) ?? ""
        return accept.split(separator: ",").contains { MediaType.essence(String($0)) == type }
    }
}

/// Media types that the routes speak.
enum MediaType {
    static let json = "application/json"
    static let lines = "application/x-ndjson"
    static let csv = "text/csv"
    static let zip = "application/zip"
    static let bytes = "application/octet-stream"
    static let events = "text/event-stream"

    /// A media type without its parameters, in lower case.
    static func essence(_ type: String) -> String {
        Substring(type.utf8.prefix { $0 != UInt8(ascii: ";") }).trimmingBlanks().lowercased()
    }
}

extension HTTPFields {
    /// All values of a list field as one.
    func joined(_ name: HTTPField.Name) -> String? {
        let values = self[values: name]
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }
}

extension Request {
    /// Whether the caller wants every upstream asked anew.
    var asksAnew: Bool {
        (self.headers.joined(.cacheControl) ?? "").split(separator: ",").contains {
            $0.trimmingBlanks().lowercased() == "no-cache"
        }
    }
}

extension Problem {
    static func notAcceptable(_ offers: [String]) -> Problem {
        let list = offers.joined(separator: ", ")
        return Problem(.notAcceptable, "There is: \(list).", headers: [.vary: "Accept"])
    }
}
