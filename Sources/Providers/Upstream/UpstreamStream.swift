// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore
import Transfer

/// The bytes that a call sends, pulled no faster than the upstream takes them.
struct UpstreamStream: Sendable {
    /// How many come; `nil`: sent in chunks.
    var length: Int64?
    /// What they are; `nil`: not said.
    var contentType: String?
    /// Opens them, anew for each try.
    var open: @Sendable () async throws(ProviderError) -> ContentBody
}

/// A body on its way into a transfer, and why it broke off, which the transfer itself does not know.
final class SentBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    private let body: ContentBody
    private let broken = NIOLockedValueBox<ProviderError?>(nil)

    init(_ body: ContentBody) { self.body = body }

    /// The error that the body ended with; not that it was let go of, as it is where the transfer ends for another reason.
    var failure: ProviderError? { self.broken.withLockedValue { $0 } }

    func makeAsyncIterator() -> Iterator { Iterator(base: self.body.makeAsyncIterator(), sent: self) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var base: ContentBody.Iterator
        fileprivate let sent: SentBody

        mutating func next() async throws -> ByteBuffer? {
            do throws(ProviderError) {
                return try await self.base.next()
            } catch {
                if error.kind != .cancelled { self.sent.broken.withLockedValue { $0 = error } }
                throw error
            }
        }
    }
}

extension UpstreamClient {
    /// Puts bytes behind an address that the upstream's answer named, without the credential: the address is the permission.
    func put(_ stream: UpstreamStream, at link: String) async throws(ProviderError) -> UpstreamAnswer {
        var call = UpstreamCall(.put, "", accept: "*/*")
        call.stream = stream
        let answer = try await self.collect(try await self.send(call, at: link, with: nil), upTo: 64 << 10)
        guard answer.isSuccess else { throw self.storeError(of: answer) }
        return answer
    }

    /// Makes one request; returns at the answer's head.
    func send(
        _ call: UpstreamCall,
        at url: String,
        with credential: ProviderCredential?
    ) async throws(ProviderError) -> TransferResponse {
        var request = self.request(call, at: url, with: credential)
        guard let stream = call.stream else { return try await self.execute(request) }
        let body = SentBody(try await stream.open())
        request.body = .stream(length: stream.length, body)
        do throws(ProviderError) {
            return try await self.execute(request)
        } catch {
            // Where the bytes broke off, that is the reason.
            throw body.failure ?? error
        }
    }
}
