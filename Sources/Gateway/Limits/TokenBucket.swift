// SPDX-License-Identifier: Apache-2.0

/// What is left of a request limit: a bucket that fills steadily and that each request takes one token from.
///
/// A pure value with exact integer arithmetic: it counts in *token-parts*, of which a nanosecond brings `rate.count` and a
/// token costs the nanoseconds of the window, so that nothing is ever rounded and nothing drifts. All products stay below
/// 2^94: counts are at most 10^9 (2^30), and nanoseconds fit 64 bits.
struct TokenBucket: Hashable, Sendable {
    /// What there was right after a token was taken, to give it back by.
    struct Receipt: Hashable, Sendable {
        /// What the bucket could still take in.
        fileprivate let room: Int128
        fileprivate let inflow: Int128
    }

    let capacity: Int
    let rate: RequestRate
    private var level: Int128
    /// All that ever came in.
    private var inflow: Int128 = 0
    private var updatedAt: ContinuousClock.Instant

    /// A full bucket.
    ///
    /// `capacity` is brought into the bounds of a rate's count.
    init(capacity: Int, rate: RequestRate, at now: ContinuousClock.Instant) {
        self.capacity = min(max(capacity, RequestRate.counts.lowerBound), RequestRate.counts.upperBound)
        self.rate = rate
        self.updatedAt = now
        self.level = Int128(self.capacity) * Self.cost(of: rate)
    }

    /// A bucket as it was kept, `elapsed` nanoseconds later.
    ///
    /// A level out of bounds is brought into them.
    init(
        kept level: Int128,
        capacity: Int,
        rate: RequestRate,
        elapsed nanoseconds: Int64,
        at now: ContinuousClock.Instant
    ) {
        self.init(capacity: capacity, rate: rate, at: now)
        let filled = Int128(max(0, nanoseconds)) * Int128(rate.count)
        self.level = min(self.fullLevel, min(max(0, level), self.fullLevel) + filled)
    }

    /// What is in it at `now`, exactly, in its own measure: to be kept.
    func level(at now: ContinuousClock.Instant) -> Int128 {
        var bucket = self
        bucket.fill(at: now)
        return bucket.level
    }

    /// A bucket under another limit, with as many tokens taken from it as from this one.
    func changed(capacity: Int, rate: RequestRate, at now: ContinuousClock.Instant) -> TokenBucket {
        var old = self
        old.fill(at: now)
        var new = TokenBucket(capacity: capacity, rate: rate, at: now)
        let taken = (old.fullLevel - old.level + old.cost - 1) / old.cost
        new.level = max(0, new.level - taken * new.cost)
        // What was taken under the old limit is settled: its receipts are worth nothing.
        new.inflow = old.inflow + old.fullLevel
        return new
    }

    /// Takes a token; whether there was one.
    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        self.fill(at: now)
        guard self.level >= self.cost else { return false }
        self.level -= self.cost
        return true
    }

    /// For the token that was taken last.
    var receipt: Receipt { Receipt(room: self.fullLevel - self.level, inflow: self.inflow) }

    /// Puts a token back, as if it never had been taken.
    ///
    /// Without it the bucket might have been full meanwhile, and what then came in been lost. So of the token only that comes
    /// back which had room all the time: never a part too much.
    mutating func giveBack(_ receipt: Receipt, at now: ContinuousClock.Instant) {
        self.fill(at: now)
        let room = receipt.room - (self.inflow - receipt.inflow)
        self.pour(max(0, min(self.cost, room)))
    }

    private mutating func pour(_ amount: Int128) {
        let level = min(self.fullLevel, self.level + amount)
        self.inflow += level - self.level
        self.level = level
    }

    /// Whole tokens that were there when it was last asked.
    var remaining: Int { Int(clamping: self.level / self.cost) }

    /// Whole seconds, rounded up, until it is full again.
    var secondsUntilFull: Int { self.seconds(until: self.fullLevel) }

    /// Whole seconds, rounded up, until there is a token.
    var secondsUntilNext: Int { self.seconds(until: self.cost) }

    /// Whether it is full at `now`: then it is like a new one.
    func isFull(at now: ContinuousClock.Instant) -> Bool { self.level(at: now) == self.fullLevel }

    private static let nanosecondsPerSecond: Int128 = 1_000_000_000

    private static func cost(of rate: RequestRate) -> Int128 { Int128(rate.window.seconds) * Self.nanosecondsPerSecond }

    private var cost: Int128 { Self.cost(of: self.rate) }
    private var fullLevel: Int128 { Int128(self.capacity) * self.cost }

    private mutating func fill(at now: ContinuousClock.Instant) {
        guard now > self.updatedAt else { return }
        let elapsed = self.updatedAt.duration(to: now)
        let whole = elapsed.components.attoseconds / 1_000_000_000
        let nanoseconds = Int128(elapsed.components.seconds) * Self.nanosecondsPerSecond + Int128(whole)
        self.pour(nanoseconds * Int128(self.rate.count))
        // Only what was counted has passed: less than a nanosecond is left for the next time.
        self.updatedAt = now.advanced(by: .nanoseconds(0) - Self.below(nanosecond: elapsed))
    }

    private static func below(nanosecond duration: Duration) -> Duration {
        Duration(secondsComponent: 0, attosecondsComponent: duration.components.attoseconds % 1_000_000_000)
    }

    private func seconds(until level: Int128) -> Int {
        let missing = max(0, level - self.level)
        let perSecond = Int128(self.rate.count) * Self.nanosecondsPerSecond
        return Int(clamping: (missing + perSecond - 1) / perSecond)
    }
}
