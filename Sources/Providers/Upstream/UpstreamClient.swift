// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Transfer

/// Speaks with one upstream: puts calls under its base URL, sends the credential to that origin only, reads JSON within a
/// bound, and makes a ``ProviderError`` of every failure.
struct UpstreamClient: Sendable {
    /// Gives the fields with the credential for one call; asked anew for each.
    typealias Authorize = @Sendable (_ call: UpstreamCall) -> HTTPFields

    /// Reads an upstream's own error codes; `nil`: what the status says counts.
    typealias Refine = @Sendable (_ answer: UpstreamAnswer, _ failures: UpstreamFailures) -> ProviderError?

    /// Where it is, and what of its texts is secret.
    let upstream: UpstreamAddress
    /// Makes errors.
    let failures: UpstreamFailures

    private let transfer: TransferClient
    private let limits: TransferLimits
    private let authorize: Authorize
    private let refine: Refine

    /// The most bytes of a JSON answer.
    static let longestJSON = 8 << 20

    init(
        _ upstream: UpstreamAddress,
        hiding secrets: [Secret],
        in environment: AdapterEnvironment,
        authorize: @escaping Authorize,
        refine: @escaping Refine = { _, _ in nil }
    ) {
        self.upstream = upstream
        self.failures = UpstreamFailures(words: UpstreamWords(hiding: secrets), now: environment.now)
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
        let answer = try await self.answer(to: call)
        guard answer.isSuccess else { throw self.error(of: answer) }
        if let error = self.refine(answer, self.failures) { throw error }
        return answer
    }

    /// Makes a call; returns the answer whatever its status is.
    func answer(to call: UpstreamCall) async throws(ProviderError) -> UpstreamAnswer {
        let response = try await self.send(call)
        return try await self.collect(response, upTo: Self.longestJSON)
    }

    /// Opens bytes below the base URL; returns at the head.
    func content(_ call: UpstreamCall) async throws(ProviderError) -> Content {
        try await self.content(of: try await self.send(call), wanted: call.range)
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
        let call = UpstreamCall(.get, "", accept: "*/*", range: range)
        let isOurs = Origin(of: link) == self.upstream.origin
        let response = try await self.execute(
            TransferRequest(
                url: link,
                headers: call.headers,
                credentials: sendsCredential && isOurs ? self.authorize(call) : [:],
                trustedOrigin: self.upstream.origin,
                limits: self.limits,
                maxRedirects: maxRedirects
            )
        )
        let isStore = !sendsCredential || Origin(of: response.url) != self.upstream.origin
        if isStore && (response.status == 401 || response.status == 403) {
            // A store's refusal is about a link that has expired, not about the operator's credential.
            throw ProviderError(
                .upstream(status: response.status),
                retry: .now,
                message: "The upstream's store refused its own link (\(response.status))."
            )
        }
        return try await self.content(of: response, wanted: range)
    }

    /// What an answer that is no success means.
    func error(of answer: UpstreamAnswer) -> ProviderError {
        self.refine(answer, self.failures) ?? self.failures.error(answer)
    }

    /// Reads the JSON of a success; throws `malformedResponse` where it is none, or not of `type`.
    func decode<Value: Decodable>(_ type: Value.Type, from answer: UpstreamAnswer) throws(ProviderError) -> Value {
        guard !answer.isHTML else {
            throw self.failures.malformed("The upstream answered a web page where JSON was expected.")
        }
        do {
            return try JSONDecoder().decode(type, from: answer.body)
        } catch {
            throw self.failures.malformed(
                "The upstream's answer is not what it documents.",
                detail: Self.place(of: error)
            )
        }
    }

    private func send(_ call: UpstreamCall) async throws(ProviderError) -> TransferResponse {
        try await self.execute(
            TransferRequest(
                method: call.method,
                url: self.upstream.url + call.path + URLPath.query(call.query),
                headers: call.headers,
                credentials: self.authorize(call),
                trustedOrigin: self.upstream.origin,
                body: call.body.map { .bytes($0) } ?? .none,
                limits: self.limits,
                maxRedirects: call.maxRedirects
            )
        )
    }

    private func execute(_ request: TransferRequest) async throws(ProviderError) -> TransferResponse {
        do throws(TransferError) { return try await self.transfer.execute(request) } catch {
            throw self.failures.error(error)
        }
    }

    private func collect(_ response: TransferResponse, upTo limit: Int) async throws(ProviderError) -> UpstreamAnswer {
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

    private func content(of response: TransferResponse, wanted: ByteRange?) async throws(ProviderError) -> Content {
        if response.status == 416, wanted != nil {
            throw ProviderError(
                .rangeNotSatisfiable(size: ContentAnswer.unsatisfiedSize(response.headers)),
                message: "No byte of the file lies in the range."
            )
        }
        guard (200...299).contains(response.status) else {
            throw self.error(of: try await self.collect(response, upTo: 64 << 10))
        }
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
            body: self.body(response.body, promised: head.length)
        )
    }

    /// The bytes, held against the length that was promised.
    private func body(_ bytes: TransferBody, promised: Int64?) -> ContentBody {
        let failures = self.failures
        return ContentBody {
            var iterator = bytes.makeAsyncIterator()
            var count = PromisedLength(promised)
            return { () async throws(ProviderError) -> ByteBuffer? in
                let next: ByteBuffer?
                do throws(TransferError) { next = try await iterator.next() } catch { throw failures.error(error) }
                try count.take(next?.readableBytes)
                return next
            }
        }
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
