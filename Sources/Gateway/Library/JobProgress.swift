// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers

/// How far the running jobs are; in memory only, and told by their providers for every piece.
final class JobProgress: Sendable {
    private struct Live {
        var last: CreateProgress
        /// Where the present measuring of the rate began.
        var measuredFrom: (bytes: Int64, at: ContinuousClock.Instant)
        var bytesPerSecond: Int64?
        var announcedAt: ContinuousClock.Instant?

        /// The rate over the last second or so, half of it the rate before.
        mutating func measure(at now: ContinuousClock.Instant) {
            let seconds = self.measuredFrom.at.duration(to: now) / Duration.seconds(1)
            guard seconds >= 1 else { return }
            let rate = Double(max(0, self.last.receivedBytes - self.measuredFrom.bytes)) / seconds
            let smooth = self.bytesPerSecond.map { (Double($0) + rate) / 2 } ?? rate
            self.bytesPerSecond = Int64(min(smooth, 1e15))
            self.measuredFrom = (self.last.receivedBytes, now)
        }
    }

    private let live = NIOLockedValueBox<[UUID: Live]>([:])

    /// How often a running download is announced at most.
    private static let announcementInterval = Duration.milliseconds(500)

    /// Takes a job's progress; says whether it is time to announce it.
    func note(_ progress: CreateProgress, of id: UUID, at now: ContinuousClock.Instant) -> Bool {
        self.live.withLockedValue { all in
            var live = all[id] ?? Live(last: progress, measuredFrom: (progress.receivedBytes, now))
            live.last = CreateProgress(
                name: progress.name ?? live.last.name,
                receivedBytes: progress.receivedBytes,
                totalBytes: progress.totalBytes
            )
            live.measure(at: now)
            let isDue = live.announcedAt.map { $0.duration(to: now) >= Self.announcementInterval } ?? true
            if isDue { live.announcedAt = now }
            all[id] = live
            return isDue
        }
    }

    /// What a job last told.
    func last(of id: UUID) -> CreateProgress? { self.live.withLockedValue { $0[id]?.last } }

    /// The same as the contract has it.
    func progress(of id: UUID) -> DownloadProgress? {
        self.live.withLockedValue { $0[id] }.map { live in
            DownloadProgress(
                receivedBytes: live.last.receivedBytes,
                totalBytes: live.last.totalBytes,
                bytesPerSecond: live.bytesPerSecond
            )
        }
    }

    /// Forgets a job that does not run any more.
    func forget(_ id: UUID) { self.live.withLockedValue { _ = $0.removeValue(forKey: id) } }
}
