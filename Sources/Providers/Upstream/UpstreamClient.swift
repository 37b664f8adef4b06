// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Transfer

/// Speaks with one upstream: puts calls under its base URL, sends a credential to that origin only, and the next one where it
/// is refused, reads JSON within a bound, and makes a ``ProviderError`` of every failure.
struct UpstreamClient: Sendable {
    /// Writes a credential into the fields of one call; asked anew for each try.
    typealias Authorize = @Sendable (_ credential: ProviderCredential, _ call: UpstreamCall) -> HTTPFields

    /// Reads an upstream's own error codes; `nil`: what the status says counts.
    typealias Refine = @Sendable (_ answer: UpstreamAnswer, _ words: UpstreamWords) -> RefinedFailure?

    /// Where it is, and what of its texts is secret.
    let upstream: UpstreamAddress
    /// Makes errors.
    let failures: UpstreamFailures
    /// What it may send.
    let pool: CredentialPool
    /// The time.
    let now: @Sendable () -> Date

    private let transfer: TransferClient
    private let limits: TransferLimits
    private let authorize: Authorize
    private let refine: Refine

    init(
        _ upstream: UpstreamAddress,
        _ pool: CredentialPool,
        hiding secrets: [Secret] = [],
        in environment: AdapterEnvironment,
        authorize: @escaping Authorize,
        refine: @escaping Refine = { _, _ in nil }
    ) {
        self.upstream = upstream
        self.failures = UpstreamFailures(words: UpstreamWords(hiding: pool.secrets + secrets), now: environment.now)
        self.pool = pool
        self.now = environment.now
        self.transfer = environment.transfer
        self.limits = environment.limits
        self.authorize = authorize
        self.refine = refine
    }

    /// Makes a call whose success is JSON of `type`.
    func json<Value: Decodable>(_ type: Value.Type, _ call: UpstreamCall) async throws(ProviderError) -> Value {
        try self.decode(type, from: try await self.success(of: call))
    }

    /// Makes a call whose success says all; its body is read and dropped.
    func perform(_ call: UpstreamCall) async throws(ProviderError) {
        _ = try await self.success(of: call)
    }

    /// Makes a call; throws for any answer but a success.
    func success(of call: UpstreamCall) async throws(ProviderError) -> UpstreamAnswer {
        try Self.value(of: try await self.result(of: call))
    }

    /// Makes a call; a failure is an answer that does not refuse the credential.
    func result(of call: UpstreamCall) async throws(ProviderError) -> Result<UpstreamAnswer, UpstreamFailure> {
        try await self.trying { credential async throws(ProviderError) in
            let response = try await self.send(call, at: self.url(of: call), with: credential)
            let answer = try await self.collect(response, upTo: call.longestAnswer)
            let failure = answer.isSuccess ? self.refined(answer) : self.failure(answer)
            return failure.map { .failure($0) } ?? .success(answer)
        }
    }

    /// Opens bytes below the base URL; returns at the head.
    ///
    /// A success of which `mayBeRefusal` holds is read first, and is a failure where its body says so.
    func content(
        _ call: UpstreamCall,
        mayBeRefusal: (Content) -> Bool = { _ in false }
    ) async throws(ProviderError) -> Content {
        let result = try await self.trying { credential async throws(ProviderError) in
            try await self.open(call, at: self.url(of: call), with: credential, mayBeRefusal)
        }
        return try Self.value(of: result)
    }

    /// Opens the bytes behind an address that the upstream's answer named.
    ///
    /// With `sendsCredential` the credential goes along, but only to the configured origin, and to no other after a redirect.
    func follow(
        _ link: String,
        range: ByteRange?,
        sendsCredential: Bool,
        maxRedirects: Int = 5
    ) async throws(ProviderError) -> Content {
        let call = UpstreamCall(.get, "", accept: "*/*", range: range, maxRedirects: maxRedirects)
        guard sendsCredential, Origin(of: link) == self.upstream.origin else {
            return try Self.value(of: try await self.open(call, at: link, with: nil, isStore: true))
        }
        let result = try await self.trying { credential async throws(ProviderError) in
            try await self.open(call, at: link, with: credential)
        }
        return try Self.value(of: result)
    }

    /// What an answer means whose status is no success.
    private func failure(_ answer: UpstreamAnswer) -> UpstreamFailure {
        self.refined(answer)
            ?? UpstreamFailure(error: self.failures.error(answer), status: answer.status, answer: answer)
    }

    /// What an answer of any status says by its own error code; `nil`: nothing.
    private func refined(_ answer: UpstreamAnswer) -> UpstreamFailure? {
        switch self.refine(answer, self.failures.words) {
        case .status(let status):
            UpstreamFailure(error: self.failures.error(status: status, answer), status: status, answer: answer)
        case .error(let error): UpstreamFailure(error: error, status: answer.status, answer: answer)
        case nil: nil
        }
    }

    private static func value<Value>(of result: Result<Value, UpstreamFailure>) throws(ProviderError) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let failure): throw failure.error
        }
    }

    /// Reads the JSON of a success; throws `malformedResponse` where it is none, or not of `type`.
    func decode<Value: Decodable>(_ type: Value.Type, from answer: UpstreamAnswer) throws(ProviderError) -> Value {
        guard !answer.isHTML else {
            throw self.failures.malformed("The upstream answered a web page where JSON was expected.")
        }
        do {
            return try LoneSurrogates.mending(answer.body) { try JSONDecoder().decode(type, from: $0) }
        } catch {
            throw self.failures.malformed(
                "The upstream's answer is not what it documents.",
                detail: Self.place(of: error)
            )
        }
    }

    private func url(of call: UpstreamCall) -> String {
        self.upstream.url + call.path + URLPath.query(call.query)
    }

    func request(
        _ call: UpstreamCall,
        at url: String,
        with credential: ProviderCredential?
    ) -> TransferRequest {
        var limits = self.limits
        limits.firstByte = call.patience ?? limits.firstByte
        var own = credential.map { self.authorize($0, call) } ?? [:]
        // As a credential it goes to the configured origin only: no store, and no server of a caller's URL, learns of a trace.
        if let trace = TraceContext.current { own[.traceparent] = trace.traceparent() }
        return TransferRequest(
            method: call.method,
            url: url,
            headers: call.headers,
            credentials: own,
            trustedOrigin: self.upstream.origin,
            body: call.body.map { .bytes($0) } ?? .none,
            limits: limits,
            maxRedirects: call.maxRedirects,
            writes: call.writes
        )
    }

    func execute(_ request: TransferRequest) async throws(ProviderError) -> TransferResponse {
        do throws(TransferError) { return try await self.transfer.execute(request) } catch {
            throw self.failures.error(error)
        }
    }

    func collect(_ response: TransferResponse, upTo limit: Int) async throws(ProviderError) -> UpstreamAnswer {
        do {
            let body = try await response.body.collect(upTo: limit)
            return UpstreamAnswer(
                status: response.status,
                headers: response.headers,
                body: Data(body.readableBytesView)
            )
        } catch {
            // A failure's status says more than the end of its body.
            guard !(200...299).contains(response.status), error.kind != .cancelled else {
                throw self.failures.error(error)
            }
            return UpstreamAnswer(status: response.status, headers: response.headers, body: Data())
        }
    }

    /// One attempt to open bytes.
    ///
    /// What a store says, to which a link or a redirect led, is never about the operator's credential: it is thrown.
    private func open(
        _ call: UpstreamCall,
        at url: String,
        with credential: ProviderCredential?,
        isStore: Bool = false,
        _ mayBeRefusal: (Content) -> Bool = { _ in false }
    ) async throws(ProviderError) -> Result<Content, UpstreamFailure> {
        let response = try await self.send(call, at: url, with: credential)
        if response.status == 416, call.range != nil {
            throw ProviderError(
                .rangeNotSatisfiable(size: ContentAnswer.unsatisfiedSize(response.headers)),
                message: "No byte of the file lies in the range."
            )
        }
        guard (200...299).contains(response.status) else {
            let answer = try await self.collect(response, upTo: 64 << 10)
            if isStore || Origin(of: response.url) != self.upstream.origin {
                throw self.storeError(of: answer).blaming(upstream: answer.status)
            }
            let failure = self.failure(answer)
            let error = failure.error.blaming(upstream: answer.status)
            return .failure(UpstreamFailure(error: error, status: failure.status, answer: answer))
        }
        var content = try self.content(of: response, wanted: call.range)
        guard mayBeRefusal(content) else { return .success(content) }
        var bytes = ByteBuffer()
        for try await piece in content.body { bytes.writeImmutableBuffer(piece) }
        let answer = UpstreamAnswer(
            status: response.status,
            headers: response.headers,
            body: Data(bytes.readableBytesView)
        )
        if let failure = self.refined(answer) { return .failure(failure) }
        content.body = ContentBody(bytes)
        return .success(content)
    }

    private func content(of response: TransferResponse, wanted: ByteRange?) throws(ProviderError) -> Content {
        let head = try ContentAnswer(status: response.status, headers: response.headers)
        guard head.range == nil || wanted != nil else {
            throw self.failures.malformed("The upstream sent a part where the whole file was asked for.")
        }
        return Content(
            length: head.length,
            range: head.range,
            totalSize: head.totalSize,
            mimeType: head.mimeType,
            validator: head.validator,
            hasRanges: head.hasRanges,
            body: self.body(response.body, promised: head.length)
        )
    }

    func storeError(of answer: UpstreamAnswer) -> ProviderError {
        guard answer.status == 401 || answer.status == 403 else { return self.failures.error(answer) }
        return ProviderError(
            .upstream(status: answer.status),
            retry: .now,
            message: "The upstream's store refused its own link (\(answer.status))."
        )
    }

    /// The bytes, held against the length that was promised.
    private func body(_ bytes: TransferBody, promised: Int64?) -> ContentBody {
        let failures = self.failures
        return ContentBody(reading: UpstreamReader(bytes.makeAsyncIterator(), PromisedLength(promised), failures))
    }

    /// Where decoding stopped, without the value that was there.
    private static func place(of error: any Error) -> String {
        guard let error = error as? DecodingError else { return "not JSON" }
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
            return "at \(path.joined(separator: ".")): \(context.debugDescription)"
        @unknown default: return "not decodable"
        }
    }
}
