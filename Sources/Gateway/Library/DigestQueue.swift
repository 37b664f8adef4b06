// SPDX-License-Identifier: Apache-2.0

import Crypto
import Dispatch
import Downloads
import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// Where bytes are hashed beside the streams that they belong to: by one thread for each core, and with a bounded backlog for all.
///
/// A stream that is quicker than SHA-256 waits for it. Of a file of up to ``smallFile`` bytes it does so throughout; that of a
/// larger one is given up where it has waited for more than ``patience``, and for more than half of its time.
final class DigestQueue: Sendable {
    /// Bytes that wait to be hashed, of all streams together.
    static let longestBacklog = 2 << 20
    /// The largest file that waits for its digest whatever it costs, in bytes.
    static let smallFile: Int64 = 16 << 20
    /// What any file may wait.
    static let patience = Duration.milliseconds(250)

    let backlog = NIOLockedValueBox(0)
    fileprivate let instant: @Sendable () -> ContinuousClock.Instant
    private let threads: DispatchQueue

    init(
        instant: @escaping @Sendable () -> ContinuousClock.Instant,
        threads: DispatchQueue = .global(qos: .utility)
    ) {
        (self.instant, self.threads) = (instant, threads)
    }

    /// Where the bytes of one body are hashed, one piece after the other.
    fileprivate func line() -> DispatchQueue { DispatchQueue(label: "sluice.digest", target: self.threads) }
}

/// What became of measuring a body.
enum DigestMeasurement: Equatable, Sendable {
    /// All of it was read to a complete end; the 32 bytes of its SHA-256.
    case digest(Data)
    /// The stream was so much quicker than the hash that it was not to be held up for it.
    case givenUp
    /// It was not read to a complete end.
    case brokenOff
}

extension ContentBody {
    /// This body, whose SHA-256 is measured on its way; `onEnd` is called once.
    ///
    /// The digest is told before the last bytes, or the end, are given on, so that who has the file finds it.
    func measured(
        by queue: DigestQueue,
        size: Int64?,
        onEnd: @escaping @Sendable (DigestMeasurement) -> Void
    ) -> ContentBody {
        let meter = DigestMeter(queue, size: size, onEnd)
        return ContentBody(reading: MeasuredReader(self.makeReader(), meter))
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
    private let line: DispatchQueue
    private let size: Int64?
    private let onEnd: @Sendable (DigestMeasurement) -> Void
    /// Guarded by `line`, on which alone it is touched.
    private var hash = SHA256()
    private let began: ContinuousClock.Instant
    /// These are guarded by the one task that iterates the body.
    private var count: Int64 = 0
    private var isOver = false
    private var waited = Duration.zero

    init(_ queue: DigestQueue, size: Int64?, _ onEnd: @escaping @Sendable (DigestMeasurement) -> Void) {
        self.queue = queue
        self.line = queue.line()
        self.began = queue.instant()
        self.size = size
        self.onEnd = onEnd
    }

    deinit {
        if !self.isOver { self.onEnd(.brokenOff) }
    }

    private var isSmall: Bool { self.size.map { $0 <= DigestQueue.smallFile } ?? false }

    /// Takes the next bytes, or `nil` for a complete end.
    func pass(_ buffer: ByteBuffer?) async {
        guard !self.isOver else { return }
        guard let buffer else { return await self.end() }
        if self.isBehind, await !self.waitPatiently() {
            self.isOver = true
            return self.onEnd(.givenUp)
        }
        self.add(buffer)
        if self.count == self.size { await self.end() }
    }

    private var isBehind: Bool { self.queue.backlog.withLockedValue { $0 >= DigestQueue.longestBacklog } }

    /// Waits until all that was added is hashed; `false` where the stream was held up for long enough.
    private func waitPatiently() async -> Bool {
        let now = self.queue.instant()
        let isPatient = self.waited <= DigestQueue.patience || self.waited * 2 <= now - self.began
        guard self.isSmall || isPatient else { return false }
        await self.catchUp()
        self.waited += self.queue.instant() - now
        return true
    }

    private func add(_ buffer: ByteBuffer) {
        let length = buffer.readableBytes
        self.count += Int64(length)
        self.queue.backlog.withLockedValue { $0 += length }
        self.line.async {
            buffer.withUnsafeReadableBytes { self.hash.update(bufferPointer: $0) }
            self.queue.backlog.withLockedValue { $0 -= length }
        }
    }

    private func end() async {
        self.isOver = true
        self.line.async { self.onEnd(.digest(Data(self.hash.finalize()))) }
        await self.catchUp()
    }

    private func catchUp() async {
        await withCheckedContinuation { continuation in
            self.line.async { continuation.resume() }
        }
    }
}
