// SPDX-License-Identifier: Apache-2.0

import Downloads
import Logging
import NIOCore

/// A body that goes on where its upstream broke off, as long as what comes is certainly the same file.
///
/// The rest is asked for from the next byte on, and taken only as exactly that range of a file with the same size and the same
/// strong validator; anything else ends the body as broken. The reader sees pauses, never a seam.
struct UnbrokenBody: Sendable {
    let provider: any Provider
    let reference: DownloadReference
    /// The part of the file that the body is.
    let range: ClosedRange<Int64>
    let totalSize: Int64
    let validator: String
    /// How often a rest is asked for without a byte in between, and the pauses before.
    let policy: RetryPolicy
    /// How often any body went on.
    let resumed: Counter
    let logger: Logger

    /// The most times that one body is resumed.
    static let mostResumes = 20

    /// `nil` where a break cannot be mended: no ranges, no validator, or an end that nobody knows.
    init?(
        _ content: Content,
        of download: Download,
        from provider: any Provider,
        policy: RetryPolicy,
        resumed: Counter,
        logger: Logger
    ) {
        guard provider.capabilities.ranges || content.hasRanges, let validator = content.validator,
            let size = content.totalSize ?? (content.range == nil ? content.length : nil) ?? download.size, size > 0
        else { return nil }
        self.provider = provider
        self.reference = download.reference
        self.range = content.range ?? 0...(size - 1)
        self.totalSize = size
        self.validator = validator
        self.policy = policy
        self.resumed = resumed
        self.logger = logger
    }

    /// The bytes of `first`, and of as many rests as are needed.
    func body(_ first: ContentBody) -> ContentBody {
        ContentBody(reading: UnbrokenReader(self, first.makeReader()))
    }

    /// Opens what is left from `position` on.
    fileprivate func rest(from position: Int64) async throws(ProviderError) -> any ContentReader {
        let wanted = position...self.range.upperBound
        let request = ContentRequest(range: .bounded(first: wanted.lowerBound, last: wanted.upperBound))
        let content = try await self.provider.content(of: self.reference, request)
        guard content.range == wanted, content.totalSize == self.totalSize, content.validator == self.validator else {
            throw ProviderError(
                .malformedResponse,
                message: "The upstream broke off, and what it has now is not certainly the same file."
            )
        }
        self.resumed.add()
        self.logger.notice(
            "A download goes on where its upstream broke off.",
            metadata: ["provider": "\(self.provider.id)", "byte": "\(position)"]
        )
        return content.body.makeReader()
    }
}

/// The one iteration of an ``UnbrokenBody``.
private final class UnbrokenReader: ContentReader {
    private let body: UnbrokenBody
    /// `nil` after a break, until the rest is there.
    private var source: (any ContentReader)?
    private var position: Int64
    private var fruitless = 0
    private var resumes = 0

    init(_ body: UnbrokenBody, _ first: any ContentReader) {
        self.body = body
        self.source = first
        self.position = body.range.lowerBound
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        while true {
            do throws(ProviderError) {
                return try await self.read()
            } catch {
                self.source = nil
                try await self.pause(after: error)
            }
        }
    }

    private func read() async throws(ProviderError) -> ByteBuffer? {
        let source: any ContentReader
        if let known = self.source { source = known } else { source = try await self.body.rest(from: self.position) }
        self.source = source
        guard let buffer = try await source.next() else {
            guard self.position > self.body.range.upperBound else { throw .brokenOff }
            return nil
        }
        self.position += Int64(buffer.readableBytes)
        self.fruitless = 0
        return buffer
    }

    var canRelay: Bool { self.source?.canRelay ?? false }

    func relay(into socket: CInt, atMost limit: Int64) async throws(ProviderError) -> Int64? {
        guard let count = try await self.source?.relay(into: socket, atMost: limit) else { return nil }
        self.position += count
        if count > 0 { self.fruitless = 0 }
        return count
    }

    /// Throws `error` on where another try is not worth it.
    private func pause(after error: ProviderError) async throws(ProviderError) {
        self.fruitless += 1
        self.resumes += 1
        guard self.position <= self.body.range.upperBound, self.resumes <= UnbrokenBody.mostResumes,
            let pause = self.body.policy.pause(after: error, attempt: self.fruitless)
        else { throw error }
        do { try await self.body.policy.sleep(pause) } catch { throw .cancelled }
    }
}
