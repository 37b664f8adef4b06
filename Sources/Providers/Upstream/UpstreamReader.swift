// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore
import Transfer

/// The one iteration of an upstream's body, held against the length that was promised.
final class UpstreamReader: ContentReader {
    private var bytes: TransferBody.Iterator
    private var count: PromisedLength
    private let failures: UpstreamFailures
    private var wasRelayed = false

    init(_ bytes: TransferBody.Iterator, _ count: PromisedLength, _ failures: UpstreamFailures) {
        self.bytes = bytes
        self.count = count
        self.failures = failures
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        // Said at once: a client that has its last byte may be gone before anybody could be asked.
        if self.wasRelayed, self.count.isKept { return nil }
        let next: ByteBuffer?
        do throws(TransferError) { next = try await self.bytes.next() } catch { throw self.failures.error(error) }
        try self.count.take(next?.readableBytes)
        return next
    }

    var canRelay: Bool { self.bytes.canRelay }

    func relay(into socket: CInt, atMost limit: Int64) async throws(ProviderError) -> Int64? {
        guard let count = await self.bytes.relay(into: socket, atMost: Int(clamping: limit)) else { return nil }
        self.wasRelayed = true
        try self.count.take(count)
        return Int64(count)
    }
}
