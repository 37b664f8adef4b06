// SPDX-License-Identifier: Apache-2.0

/// What one caller has used up of its limits: the whole arithmetic of them, as a pure value with time passed in.
///
/// It holds itself to the policy that it is given with each request, so that a changed policy counts from the caller's next
/// request on, also for bodies that are under way.
struct LimitAccount: Hashable, Sendable {
    private(set) var bucket: TokenBucket?
    private(set) var underWay = 0
    private(set) var bytes: DailyBytes
    private var pacer = BytePacer()

    init(bucket: TokenBucket? = nil, bytes: DailyBytes = DailyBytes()) {
        self.bucket = bucket
        self.bytes = bytes
    }

    // MARK: Requests

    /// Lets a request in, or says which limit it met; then nothing is taken.
    ///
    /// An admitted request of a policy with `concurrent` is to be ended by ``release()``.
    mutating func admit(
        _ policy: RateLimitPolicy,
        at now: LimitMoment
    ) -> RateLimiter.Decision.Refusal? {
        self.pacer.change(to: policy.bytesPerSecond, at: now.instant)
        self.hold(toRequestsOf: policy, at: now.instant)
        guard self.underWay < policy.concurrent ?? .max else { return .concurrent }
        if policy.requests != nil {
            guard self.bucket?.take(at: now.instant) ?? true else { return .requests }
        }
        self.underWay += policy.concurrent == nil ? 0 : 1
        return nil
    }

    /// Ends a request.
    mutating func release() { self.underWay = max(0, self.underWay - 1) }

    /// Undoes what an admitted request took of the bucket.
    mutating func giveBack(_ receipt: TokenBucket.Receipt, at now: LimitMoment) {
        self.bucket?.giveBack(receipt, at: now.instant)
    }

    /// Brings the bucket under the policy; one that limits no requests leaves it as it is, for the next that does.
    private mutating func hold(toRequestsOf policy: RateLimitPolicy, at now: ContinuousClock.Instant) {
        guard let rate = policy.requests else { return }
        let fresh = TokenBucket(capacity: policy.burst ?? rate.count, rate: rate, at: now)
        guard let old = self.bucket else {
            self.bucket = fresh
            return
        }
        guard old.capacity != fresh.capacity || old.rate != rate else { return }
        self.bucket = old.changed(capacity: fresh.capacity, rate: rate, at: now)
    }

    // MARK: Bytes

    /// Lets a body in where the day's bytes allow it; one that is let in is to be ended by ``end(_:sent:)``.
    mutating func begin(_ body: UInt64, length: Int64?, _ policy: RateLimitPolicy, at now: LimitMoment) -> Bool {
        if let limit = policy.bytesPerDay {
            self.bytes.turn(to: now.day)
            guard self.bytes.begin(body, length: length, limit: limit) else { return false }
        }
        self.pacer.change(to: policy.bytesPerSecond, at: now.instant)
        self.pacer.join(body)
        return true
    }

    /// What a body with `count` bytes at hand may do; what may go is counted.
    mutating func turn(of body: UInt64, wanting count: Int, at now: LimitMoment) -> BytePacer.Turn {
        let turn = self.pacer.turn(of: body, wanting: count, at: now.instant)
        if case .go(let granted) = turn { self.bytes.count(Int64(granted), of: body) }
        return turn
    }

    /// Ends a body that sent `sent` bytes, `nil` for all that could go.
    mutating func end(_ body: UInt64, sent: Int64?) {
        self.pacer.leave(body)
        self.bytes.end(body, sent: sent)
    }

    /// What is left of the day's bytes, and seconds until the next day.
    mutating func bytesLeft(of limit: Int64, at now: LimitMoment) -> (left: Int64, resetSeconds: Int) {
        self.bytes.turn(to: now.day)
        return (self.bytes.left(of: limit), now.secondsUntilEnd(of: self.bytes.day))
    }

    // MARK: Forgetting

    /// Whether there is anything in it that outlives the process.
    var isWorthKeeping: Bool { self.bucket != nil || self.bytes != DailyBytes() }

    /// Whether it is as good as a new one.
    func isIdle(at now: LimitMoment) -> Bool {
        self.underWay == 0 && (self.bucket?.isFull(at: now.instant) ?? true) && self.bytes.isEmpty(on: now.day)
            && self.pacer.isIdle(at: now.instant)
    }
}
