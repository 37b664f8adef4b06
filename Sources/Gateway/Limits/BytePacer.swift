// SPDX-License-Identifier: Apache-2.0

/// Shares a caller's bytes per second among its bodies.
///
/// A pure value. Over any time no more than `rate` × time and a quarter of a second's bytes go, over all bodies together. Bodies
/// go by start-time fair queueing: each has a virtual clock that its own bytes move on, and who is furthest behind goes first.
/// So bodies that always want more have equal shares to within two slices, however small or large the chunks are that they
/// come in, and who paused has saved up nothing.
///
/// A body asks, waits as long as it is told, and asks again; nobody has to wake it. What one that waits is behind another is kept
/// for it until it asks, so that small chunks, each with its own wait, do not cost it its share; one that leaves is not waited
/// for.
struct BytePacer: Hashable, Sendable {
    /// What a body is told.
    enum Turn: Hashable, Sendable {
        /// So many bytes may go now.
        case go(Int)
        /// Ask again after this time.
        case wait(Duration)
    }

    private struct Body: Hashable {
        /// The bytes on the virtual clock at which its next slice begins.
        var start: Int128
        /// The slice that it waits for; 0: none.
        var slice = 0
    }

    /// Bytes per second; `nil`: as many as there are.
    private(set) var rate: Int64?
    /// In byte-nanoseconds: a nanosecond brings `rate` of them, a byte costs 10^9.
    ///
    /// All products stay below 2^94.
    private var level: Int128 = 0
    private var updatedAt: ContinuousClock.Instant?
    private var virtualTime: Int128 = 0
    private var bodies: [UInt64: Body] = [:]

    private static let byteCost: Int128 = 1_000_000_000
    /// Shorter slices make shares even, longer ones cost fewer turns.
    private static let longestSlice: Int64 = 64 * 1024
    private static let shortestWait = Duration.milliseconds(1)
    /// A body looks again after this at the latest, for another may have left, or the rate have changed.
    private static let longestWait = Duration.milliseconds(250)

    /// Bytes that may go at once after a pause.
    private static func burst(_ rate: Int64) -> Int64 { max(1, rate / 4) }

    /// Holds all bodies to another rate from their next slice on.
    mutating func change(to rate: Int64?, at now: ContinuousClock.Instant) {
        let rate = rate.map { max(1, $0) }
        guard rate != self.rate else { return }
        self.fill(at: now)
        let full = rate.map { Int128(Self.burst($0)) * Self.byteCost } ?? 0
        // From one rate to another nothing is won; without a rate there was nothing to save.
        self.level = self.rate == nil ? full : min(self.level, full)
        self.rate = rate
        self.updatedAt = now
    }

    /// Lets a body take part, until it leaves.
    mutating func join(_ body: UInt64) { self.bodies[body] = Body(start: self.virtualTime) }

    /// What a body that has `count` bytes ready may do.
    mutating func turn(of body: UInt64, wanting count: Int, at now: ContinuousClock.Instant) -> Turn {
        guard let rate, count > 0, var own = self.bodies[body] else { return .go(count) }
        self.fill(at: now)
        if own.slice == 0 { own.start = max(own.start, self.virtualTime) }
        own.slice = Int(min(Int64(count), Self.burst(rate), Self.longestSlice))
        let missing = (self.ahead(of: own, body) + Int128(own.slice)) * Self.byteCost - self.level
        guard missing <= 0 else {
            self.bodies[body] = own
            let nanoseconds = Int64(clamping: (missing + Int128(rate) - 1) / Int128(rate))
            return .wait(min(max(.nanoseconds(nanoseconds), Self.shortestWait), Self.longestWait))
        }
        let slice = own.slice
        self.level -= Int128(slice) * Self.byteCost
        self.virtualTime = max(self.virtualTime, own.start)
        self.bodies[body] = Body(start: own.start + Int128(slice))
        return .go(slice)
    }

    /// Forgets a body.
    mutating func leave(_ body: UInt64) { self.bodies[body] = nil }

    /// Whether it is like a new one of its rate.
    func isIdle(at now: ContinuousClock.Instant) -> Bool {
        guard self.bodies.isEmpty, let rate else { return self.bodies.isEmpty }
        var pacer = self
        pacer.fill(at: now)
        return pacer.level == Int128(Self.burst(rate)) * Self.byteCost
    }

    /// The bytes that are to go before a body's slice; of two at one time the older body's.
    private func ahead(of own: Body, _ body: UInt64) -> Int128 {
        self.bodies.reduce(0) { sum, other in
            guard other.value.slice > 0, (other.value.start, other.key) < (own.start, body) else { return sum }
            let behind = min(own.start - other.value.start, Int128(Self.longestSlice))
            return sum + max(Int128(other.value.slice), behind)
        }
    }

    private mutating func fill(at now: ContinuousClock.Instant) {
        guard let rate, let last = self.updatedAt, now > last else { return }
        self.updatedAt = now
        // A second always fills it.
        let elapsed = min(last.duration(to: now), .seconds(1)).components
        let nanoseconds = Int128(elapsed.seconds) * 1_000_000_000 + Int128(elapsed.attoseconds / 1_000_000_000)
        self.level = min(Int128(Self.burst(rate)) * Self.byteCost, self.level + nanoseconds * Int128(rate))
    }
}
