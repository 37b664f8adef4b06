// SPDX-License-Identifier: Apache-2.0

/// The bytes of files that a caller had on one UTC day, and those that are promised to bodies under way.
///
/// A pure value. A body belongs to the day on which it began, also past midnight. What is promised is counted as it goes, so
/// that ``used`` alone is worth keeping: it is what was sent, at any moment.
struct DailyBytes: Hashable, Sendable {
    private struct Body: Hashable {
        let day: Int64
        /// Promised and not yet counted; 0 where the length is unknown.
        var reserved: Int64
        var counted: Int64 = 0
    }

    private(set) var day: Int64
    /// Sent by now.
    private(set) var used: Int64
    /// Promised and not yet sent.
    private(set) var reserved: Int64 = 0
    private var bodies: [UInt64: Body] = [:]

    init(day: Int64 = 0, used: Int64 = 0) {
        self.day = day
        self.used = max(0, used)
    }

    /// Begins another day.
    ///
    /// A clock that goes back over midnight does not, for it would open the day before a second time; one that was wrong by
    /// more than a day is corrected.
    mutating func turn(to day: Int64) {
        guard day > self.day || day < self.day - 1 else { return }
        (self.day, self.used, self.reserved) = (day, 0, 0)
    }

    /// What a body may still have.
    func left(of limit: Int64) -> Int64 { limit > self.used ? max(0, limit - self.used - self.reserved) : 0 }

    /// Lets a body in; whether it did.
    ///
    /// One of known `length` must fit as a whole, and its bytes are promised to it; one of unknown length comes in while
    /// anything is left.
    mutating func begin(_ body: UInt64, length: Int64?, limit: Int64) -> Bool {
        let left = self.left(of: limit)
        let length = length.map { max(0, $0) }
        guard length.map({ $0 <= left }) ?? (left > 0) else { return false }
        self.reserved += length ?? 0
        self.bodies[body] = Body(day: self.day, reserved: length ?? 0)
        return true
    }

    /// Counts bytes of a body.
    mutating func count(_ bytes: Int64, of body: UInt64) {
        guard var entry = self.bodies[body] else { return }
        let kept = min(bytes, entry.reserved)
        entry.reserved -= kept
        entry.counted = entry.counted.adding(bytes)
        self.bodies[body] = entry
        guard entry.day == self.day else { return }
        self.reserved = max(0, self.reserved - kept)
        self.used = self.used.adding(bytes)
    }

    /// Ends a body that sent `sent` bytes, `nil` for all that were counted; the rest is given back.
    mutating func end(_ body: UInt64, sent: Int64?) {
        guard let entry = self.bodies.removeValue(forKey: body), entry.day == self.day else { return }
        self.reserved = max(0, self.reserved - entry.reserved)
        self.used = max(0, self.used - max(0, entry.counted - max(0, sent ?? entry.counted)))
    }

    /// Whether it knows nothing that matters on `day`.
    func isEmpty(on day: Int64) -> Bool {
        var bytes = self
        bytes.turn(to: day)
        return bytes.used == 0 && bytes.bodies.isEmpty
    }
}

extension Int64 {
    /// The sum of two numbers that are not negative; the greatest number where it is greater.
    fileprivate func adding(_ other: Int64) -> Int64 {
        let sum = self.addingReportingOverflow(other)
        return sum.overflow ? .max : sum.partialValue
    }
}
