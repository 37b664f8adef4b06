// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Transfer

/// Asks the servers of URLs that callers brought, each hop judged by the egress policy.
struct WebFetcher: Sendable {
    let transfer: TransferClient
    let limits: TransferLimits
    let maxRedirects: Int
    /// The most bytes of one file.
    let maxBytes: Int64
    /// How many connections one file may take.
    let connections: Int
    let now: @Sendable () -> Date

    /// What a server answered, its head read.
    struct Answer: Sendable {
        let head: ContentAnswer
        let checkpoint: WebCheckpoint
        /// Whether it may be asked for in parts.
        let body: TransferBody
    }

    /// Refuses what can be refused before anything is resolved or asked.
    func check(_ url: String) throws(ProviderError) {
        do throws(TransferError) { try self.transfer.check(url) } catch { throw WebFailures.refusal(error) }
    }

    /// Asks for a file, or for what is missing of it, as long as it is still the same.
    func ask(_ request: CreateRequest, after known: WebCheckpoint) async throws(ProviderError) -> Answer {
        var headers = HTTPFields()
        if known.bytes > 0, let validator = known.validator {
            headers[.range] = "bytes=\(known.bytes)-"
            headers[.ifRange] = validator
        }
        return try self.answer(try await self.send(request, headers), request, after: known)
    }

    /// Asks for one part of a file; throws ``WebFailures/changed`` for any other answer than just that part of the same file.
    func segment(
        _ range: ClosedRange<Int64>,
        of request: CreateRequest,
        _ known: WebCheckpoint
    ) async throws(ProviderError) -> TransferBody {
        guard let validator = known.validator else { throw WebFailures.changed }
        let wanted = "bytes=\(range.lowerBound)-\(range.upperBound)"
        let response = try await self.send(request, [.range: wanted, .ifRange: validator])
        guard response.status == 206 || response.status == 200 || response.status == 416 else {
            throw WebFailures.failure(status: response.status, response.headers, now: self.now())
        }
        guard response.status == 206,
            let head = try? ContentAnswer(status: response.status, headers: response.headers),
            head.range == range, head.totalSize == known.total,
            WebCheckpoint(head, response, request, now: self.now()).validator == validator
        else { throw WebFailures.changed }
        return response.body
    }

    private func send(_ request: CreateRequest, _ more: HTTPFields) async throws(ProviderError) -> TransferResponse {
        var headers: HTTPFields = [.accept: "*/*", .acceptEncoding: "identity", .userAgent: "sluice"]
        headers.append(contentsOf: more)
        var own = HTTPFields()
        for header in request.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            own.append(HTTPField(name: name, value: header.value.reveal()))
        }
        let transferRequest = TransferRequest(
            url: request.url,
            headers: headers,
            originHeaders: own,
            limits: self.limits,
            maxRedirects: self.maxRedirects
        )
        do throws(TransferError) { return try await self.transfer.execute(transferRequest) } catch {
            throw WebFailures.failure(error)
        }
    }

    private func answer(
        _ response: TransferResponse,
        _ request: CreateRequest,
        after known: WebCheckpoint
    ) throws(ProviderError) -> Answer {
        if response.status == 416 { throw WebFailures.changed }
        guard response.status == 200 || response.status == 206 else {
            throw WebFailures.failure(status: response.status, response.headers, now: self.now())
        }
        let head: ContentAnswer
        do throws(ProviderError) {
            head = try ContentAnswer(status: response.status, headers: response.headers)
        } catch {
            throw WebFailures.failure(.networkError, .never, error.message.replacing("upstream", with: "server"))
        }
        let checkpoint = WebCheckpoint(head, response, request, now: self.now())
        if let range = head.range {
            guard known.bytes > 0, range.lowerBound == known.bytes, head.totalSize == known.total,
                range.upperBound == (known.total ?? 0) - 1, checkpoint.validator == known.validator
            else { throw WebFailures.changed }
        }
        if let size = head.totalSize ?? head.length, size > self.maxBytes { throw self.tooLarge }
        return Answer(head: head, checkpoint: checkpoint, body: response.body)
    }

    var tooLarge: ProviderError {
        WebFailures.failure(.tooLarge, .never, "The file is larger than \(self.maxBytes) bytes.")
    }
}

extension WebFailures {
    /// The server's file is no longer the one that was begun.
    static var changed: ProviderError {
        self.failure(.networkError, .now, "The file changed while it was fetched.", cause: changedCause)
    }

    /// Tells that error from others.
    static let changedCause = "another file, or another part than was asked for"
}
