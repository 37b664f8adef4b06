// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Hummingbird

extension DownloadRoutes {
    @Sendable
    func create(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.write)
        guard MediaType.essence(request.headers[.contentType] ?? "") == MediaType.json else {
            return try await self.upload(request, for: caller, context)
        }
        var query = context.query
        try query.finish()
        var body = try await JSONBody(request, on: context.channel)
        let idempotency = try Self.idempotency(request, body)
        if body.names("from") { return try await self.copy(&body, idempotency, for: caller, context) }
        let provider = self.provider(&body, caller, default: "web")
        let wanted = CreateRequest.read(from: &body)
        try body.finish()
        guard let provider, let wanted else { throw Problem.fields([]) }
        context.record.note { entry in
            entry.provider = provider.name
            entry.sessionId = wanted.directory
        }
        let creation = try await context.record.timing(.upstream) { () async throws in
            try await self.library.create(wanted, in: provider, idempotency, for: caller)
        }
        return try self.answer(creation, context)
    }

    @Sendable
    func cancel(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.write)
        let id = try Self.id(context)
        var query = context.query
        try query.finish()
        context.record.note(try await self.library.resolve(id, for: caller).reference, id: id)
        let cancelled = try await context.record.timing(.upstream) { () async throws in
            try await self.library.cancel(id, for: caller)
        }
        return self.metadata(cancelled)
    }

    // MARK: Reading

    /// The longest `Idempotency-Key`.
    private static let longestKey = 255

    private static func idempotency(
        _ request: Request,
        _ body: JSONBody
    ) throws(Problem) -> JobTable.Idempotency? {
        let keys = request.headers[values: .idempotencyKey]
        guard let key = keys.first else { return nil }
        guard keys.count == 1, (1...Self.longestKey).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw .field("Idempotency-Key", "must be one text of 1–255 printable ASCII characters") }
        return JobTable.Idempotency(key: key, digest: body.digest)
    }

    /// The provider that a body names, or else the `standard` one; without that, one is needed.
    func provider(_ body: inout JSONBody, _ caller: Caller, default standard: String? = nil) -> ProviderID? {
        let isMissing = body.lacks("provider")
        guard let name = body.text("provider") ?? (isMissing ? standard : nil) else {
            if isMissing { body.refuse("provider", "is needed") }
            return nil
        }
        if let id = self.provider(name, caller) { return id }
        body.refuse("provider", "'\(name.prefix(64))' is not a provider here")
        return nil
    }

    /// A provider by its name; one that the caller may not see is like one that does not exist.
    func provider(_ name: String, _ caller: Caller) -> ProviderID? {
        guard let id = ProviderID(name), self.library.directory.current.providers[id] != nil,
            caller.maySee(provider: id)
        else { return nil }
        return id
    }

    // MARK: Answering

    func answer(_ creation: Creation, _ context: GatewayContext) throws(Problem) -> Response {
        let listed: ListedDownload
        var isReplay = false
        switch creation {
        case .made(let download): listed = download
        case .replayed(let download): (listed, isReplay) = (download, true)
        case .mismatch:
            throw Problem(.idempotencyMismatch, "This Idempotency-Key came with another request before.")
        case .deleted:
            throw Problem(.conflict, "The download that this Idempotency-Key made was deleted.")
        case .tooMany:
            throw Problem(
                .quotaExceeded,
                "The caller has as many downloads on their way as it may have at once.",
                headers: [.retryAfter: "60"]
            )
        }
        context.record.note(listed.download.reference, id: listed.id)
        var response = self.metadata(listed)
        response.status = .accepted
        response.headers[.location] = "\(self.texts.linkBase)/v1/downloads/\(listed.id)"
        if isReplay { response.headers[.idempotencyReplayed] = "true" }
        return response
    }
}

extension CreateRequest {
    /// The most seconds that a download may be given.
    private static let longestTimeout: Int64 = 7 * 86_400
    private static let mostHeaders = 32
    private static let longestHeaders = 16 * 1024

    /// Fields that would contradict the framing, the range or the encoding that the gateway itself asks for.
    private static let reservedHeaders: Set<String> = [
        "accept-encoding", "connection", "content-length", "expect", "host", "if-match", "if-modified-since",
        "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "proxy-authorization", "proxy-connection",
        "range", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// Reads a body's members; faults are noted in it.
    fileprivate static func read(from body: inout JSONBody) -> CreateRequest? {
        let url = body.text("url", upTo: 16 * 1024)
        if url == nil, !body.hasFault(in: "url") { body.refuse("url", "is needed") }
        let checksum = body.text("checksum")?.lowercased()
        if let checksum, checksum.utf8.count != 64 || !checksum.utf8.allSatisfy({ Self.isHex($0) }) {
            body.refuse("checksum", "must be a SHA-256 as 64 hexadecimal digits")
        }
        let directory = body.text("directory", upTo: 1024)
        let filename = body.text("filename", upTo: 1024)
        let timeout = body.whole("timeout", in: 1...Self.longestTimeout) ?? 300
        let headers = Self.headers(&body)
        guard let url else { return nil }
        return CreateRequest(
            url: url,
            directory: directory,
            filename: filename,
            timeout: .seconds(timeout),
            checksum: checksum,
            headers: headers
        )
    }

    private static func headers(_ body: inout JSONBody) -> [Header] {
        guard let value = body.take("headers") else { return [] }
        guard case .object(let object) = value, object.count <= Self.mostHeaders else {
            body.refuse("headers", "must be an object of at most \(Self.mostHeaders) fields")
            return []
        }
        var bytes = 0
        let headers = object.sorted { $0.key < $1.key }.compactMap { name, value -> Header? in
            guard let field = HTTPField.Name(name), !Self.reservedHeaders.contains(field.canonicalName),
                case .string(let text) = value, HTTPField.isValidValue(text)
            else {
                body.refuse("headers.\(name.prefix(64))", "is not a field that can be sent")
                return nil
            }
            bytes += name.utf8.count + text.utf8.count
            return Header(name: name, value: Secret(text))
        }
        if bytes > Self.longestHeaders { body.refuse("headers", "must have at most 16 KiB") }
        return headers
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key") ?? .server
    fileprivate static let idempotencyReplayed = HTTPField.Name("Idempotency-Replayed") ?? .server
}
