// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore
import Transfer

/// The one iteration of an upstream's body, held against the length that was promised.
final class UpstreamReader: ContentReader {
    private var bytes: TransferBody.Iterator
    private var count: PromisedLength
    private let failures: UpstreamFailures

    init(_ bytes: TransferBody.Iterator, _ count: PromisedLength, _ failures: UpstreamFailures) {
        self.bytes = bytes
        self.count = count
        self.failures = failures
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        let next: ByteBuffer?
        do throws(TransferError) { next = try await self.bytes.next() } catch { throw self.failures.error(error) }
        try self.count.take(next?.readableBytes)
        return next
    }
}
