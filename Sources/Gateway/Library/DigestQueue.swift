// SPDX-License-Identifier: Apache-2.0

import Crypto
import Dispatch
import Downloads
import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// Where bytes are hashed beside the streams that they belong to: one thread at most, and a bounded backlog for all.
///
/// A stream is quicker than SHA-256. A file of up to ``smallFile`` bytes waits for its digest; a larger one is given up where
/// it would have to, so that measuring never slows a large stream down.
final class DigestQueue: Sendable {
    /// Bytes that wait to be hashed, of all streams together.
    static let longestBacklog = 2 << 20
    /// The largest file that waits for its digest, in bytes.
    static let smallFile: Int64 = 16 << 20

    let thread = DispatchQueue(label: "sluice.digests", qos: .utility)
    let backlog = NIOLockedValueBox(0)
}

extension ContentBody {
    /// This body, whose SHA-256 is told to `onDigest` when all of it was read to a complete end.
    ///
    /// Of a small file it is told before the last bytes are given on, so that who has the file finds its digest.
    func measured(
        by queue: DigestQueue,
        size: Int64?,
        onDigest: @escaping @Sendable (Data) -> Void
    ) -> ContentBody {
        ContentBody(reading: MeasuredReader(self.makeReader(), DigestMeter(queue, size: size, onDigest)))
    }
}

/// The one iteration of a body that is measured.
private final class MeasuredReader: ContentReader {
    private let source: any ContentReader
    private let meter: DigestMeter

    init(_ source: any ContentReader, _ meter: DigestMeter) {
        self.source = source
        self.meter = meter
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        let buffer = try await self.source.next()
        await self.meter.pass(buffer)
        return buffer
    }
}

/// The digest of one body in the making.
private final class DigestMeter: @unchecked Sendable {
    private let queue: DigestQueue
    private let size: Int64?
    private let onDigest: @Sendable (Data) -> Void
    /// Guarded by `queue.thread`, on which alone it is touched.
    private var hash = SHA256()
    /// These two are guarded by the one task that iterates the body.
    private var count: Int64 = 0
    private var isOver = false

    init(_ queue: DigestQueue, size: Int64?, _ onDigest: @escaping @Sendable (Data) -> Void) {
        self.queue = queue
        self.size = size
        self.onDigest = onDigest
    }

    private var isSmall: Bool { self.size.map { $0 <= DigestQueue.smallFile } ?? false }

    /// Takes the next bytes, or `nil` for a complete end.
    func pass(_ buffer: ByteBuffer?) async {
        guard !self.isOver else { return }
        guard let buffer else { return self.end() }
        if self.isBehind {
            guard self.isSmall else { return self.isOver = true }
            await self.catchUp()
        }
        self.add(buffer)
        if self.isSmall, self.count == self.size {
            self.end()
            await self.catchUp()
        }
    }

    private var isBehind: Bool { self.queue.backlog.withLockedValue { $0 >= DigestQueue.longestBacklog } }

    private func add(_ buffer: ByteBuffer) {
        let length = buffer.readableBytes
        self.count += Int64(length)
        self.queue.backlog.withLockedValue { $0 += length }
        self.queue.thread.async {
            buffer.withUnsafeReadableBytes { self.hash.update(bufferPointer: $0) }
            self.queue.backlog.withLockedValue { $0 -= length }
        }
    }

    private func end() {
        self.isOver = true
        self.queue.thread.async { self.onDigest(Data(self.hash.finalize())) }
    }

    /// Waits until all that was added is hashed.
    private func catchUp() async {
        await withCheckedContinuation { continuation in
            self.queue.thread.async { continuation.resume() }
        }
    }
}
