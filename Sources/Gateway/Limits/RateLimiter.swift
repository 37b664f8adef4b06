// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Holds every caller to its limits, exactly, in memory.
///
/// Who comes first under the lock is let in: of any number of requests at once, exactly as many as the limit allows.
final class RateLimiter: Sendable {
    private struct Account {
        var bucket: TokenBucket?
        var underWay = 0

        func isIdle(at now: ContinuousClock.Instant) -> Bool {
            self.underWay == 0 && (self.bucket?.isFull(at: now) ?? true)
        }
    }

    private struct State {
        var accounts: [String: Account] = [:]
        var sweptAt: ContinuousClock.Instant?
    }

    private let state = NIOLockedValueBox(State())
    private let capacity: Int

    /// Creates a limiter that remembers up to `capacity` callers.
    ///
    /// One whose bucket is full and who has no request under way is as good as unknown and is forgotten for another; where
    /// all are busy, unknown callers wait a second, for to forget one that is busy would let it in too often.
    init(capacity: Int = 100_000) { self.capacity = max(1, capacity) }

    /// Lets a request in, or not.
    ///
    /// A refused request costs nothing. `id` is ``Caller/id``. An admitted request of a policy with `concurrent` holds the decision's permit until its last byte.
    func admit(_ id: String, _ policy: RateLimitPolicy, now: ContinuousClock.Instant) -> Decision {
        let decision = self.state.withLockedValue { state in
            guard var account = self.account(id, policy, now, &state) else { return Decision.crowded }
            defer { state.accounts[id] = account }
            guard account.underWay < policy.concurrent ?? .max else { return Decision(.concurrent, account.bucket) }
            guard account.bucket?.take(at: now) ?? true else { return Decision(.requests, account.bucket) }
            account.underWay += policy.concurrent == nil ? 0 : 1
            return Decision(nil, account.bucket)
        }
        guard decision.isAllowed, policy.concurrent != nil else { return decision }
        return decision.holding(ConcurrencyPermit { self.release(id) })
    }

    /// How many callers are remembered.
    var accountCount: Int { self.state.withLockedValue { $0.accounts.count } }

    private func release(_ id: String) {
        self.state.withLockedValue { state in
            guard var account = state.accounts.removeValue(forKey: id) else { return }
            account.underWay = max(0, account.underWay - 1)
            // With nothing to remember, a caller without a request limit leaves no trace.
            if account.underWay > 0 || account.bucket != nil { state.accounts[id] = account }
        }
    }

    /// The account under the policy of now; `nil` where there is no room for another.
    private func account(
        _ id: String,
        _ policy: RateLimitPolicy,
        _ now: ContinuousClock.Instant,
        _ state: inout State
    ) -> Account? {
        if state.accounts[id] == nil, state.accounts.count >= self.capacity, !Self.sweep(&state, now) { return nil }
        var account = state.accounts[id] ?? Account()
        guard let rate = policy.requests else {
            account.bucket = nil
            return account
        }
        let fresh = TokenBucket(capacity: policy.burst ?? rate.count, rate: rate, at: now)
        guard let old = account.bucket else {
            account.bucket = fresh
            return account
        }
        if old.capacity != fresh.capacity || old.rate != rate {
            account.bucket = old.changed(capacity: fresh.capacity, rate: rate, at: now)
        }
        return account
    }

    /// Forgets who is idle; whether there is room now.
    ///
    /// At most once a second, for it looks at every account.
    private static func sweep(_ state: inout State, _ now: ContinuousClock.Instant) -> Bool {
        if let last = state.sweptAt, last.duration(to: now) < .seconds(1) { return false }
        state.sweptAt = now
        let before = state.accounts.count
        state.accounts = state.accounts.filter { !$0.value.isIdle(at: now) }
        return state.accounts.count < before
    }
}
