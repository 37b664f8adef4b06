// SPDX-License-Identifier: Apache-2.0

import Foundation

/// An account as it is kept over a restart: what cannot be known again.
///
/// Requests under way end with the process, and a quarter of a second's bytes are not worth keeping.
struct LimitAccountRecord: Hashable, Sendable {
    /// A bucket's content, exactly.
    struct Bucket: Hashable, Sendable {
        let level: Int128
        let capacity: Int
        let rate: RequestRate
    }

    /// ``Caller/id``.
    let caller: String
    /// `nil` where requests were not limited.
    let bucket: Bucket?
    /// When it was so, in milliseconds since 1970.
    let savedAt: Int64
    /// The UTC day of ``bytes``.
    let day: Int64
    /// The bytes that were sent on it.
    let bytes: Int64

    init(caller: String, bucket: Bucket?, savedAt: Int64, day: Int64, bytes: Int64) {
        self.caller = caller
        self.bucket = bucket
        self.savedAt = savedAt
        self.day = day
        self.bytes = bytes
    }

    /// What is to be kept of an account at `now`; `nil` where it is nothing.
    init?(_ account: LimitAccount, of caller: String, at now: LimitMoment) {
        let bucket = account.bucket.flatMap { $0.isFull(at: now.instant) ? nil : $0 }
        var bytes = account.bytes
        bytes.turn(to: now.day)
        guard bucket != nil || bytes.used > 0 else { return nil }
        self.init(
            caller: caller,
            bucket: bucket.map {
                Bucket(level: $0.level(at: now.instant), capacity: $0.capacity, rate: $0.rate)
            },
            savedAt: now.date.milliseconds,
            day: bytes.day,
            bytes: bytes.used
        )
    }

    /// The account at `now`: its bucket fills by the time of day that has passed, and by none where the clock was set back.
    func account(at now: LimitMoment) -> LimitAccount {
        // Both times were rounded to milliseconds; one less is never too much.
        let elapsed = now.date.milliseconds.subtractingReportingOverflow(self.savedAt)
        let milliseconds = elapsed.overflow ? 0 : max(0, elapsed.partialValue - 1)
        let nanoseconds = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let bucket = self.bucket.map {
            TokenBucket(
                kept: $0.level,
                capacity: $0.capacity,
                rate: $0.rate,
                elapsed: nanoseconds.overflow ? .max : nanoseconds.partialValue,
                at: now.instant
            )
        }
        return LimitAccount(bucket: bucket, bytes: DailyBytes(day: self.day, used: self.bytes))
    }
}
