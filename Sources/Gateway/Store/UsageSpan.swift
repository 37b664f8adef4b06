// SPDX-License-Identifier: Apache-2.0

/// How long a time one row of `usage` is about, in milliseconds.
enum UsageSpan: Int64, Sendable {
    case hour = 3_600_000
    case day = 86_400_000

    /// When the hour or UTC day of a time began.
    func start(of time: Int64) -> Int64 {
        let rest = time % self.rawValue
        return time - (rest < 0 ? rest + self.rawValue : rest)
    }

    /// When the first one begins that has all of its time at or after `time`.
    func next(from time: Int64) -> Int64 {
        let start = self.start(of: time)
        return start == time ? time : start + self.rawValue
    }
}
