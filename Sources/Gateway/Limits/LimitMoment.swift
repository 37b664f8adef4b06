// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A moment on both clocks: the one that only goes forward, for what fills steadily, and the one that knows the day.
struct LimitMoment: Sendable {
    private static let millisecondsPerDay: Int64 = 86_400_000

    let instant: ContinuousClock.Instant
    let date: Date

    /// The UTC day, counted from 1970.
    var day: Int64 {
        let milliseconds = self.date.milliseconds
        return (milliseconds - (milliseconds < 0 ? Self.millisecondsPerDay - 1 : 0)) / Self.millisecondsPerDay
    }

    /// Whole seconds, rounded up, until the midnight that ends `day`; at least 1.
    func secondsUntilEnd(of day: Int64) -> Int {
        let midnight = (day &+ 1).multipliedReportingOverflow(by: Self.millisecondsPerDay)
        let left = midnight.partialValue.subtractingReportingOverflow(self.date.milliseconds)
        guard !midnight.overflow, !left.overflow else { return 1 }
        return Int(clamping: max(1, left.partialValue / 1000 + (left.partialValue % 1000 > 0 ? 1 : 0)))
    }
}
