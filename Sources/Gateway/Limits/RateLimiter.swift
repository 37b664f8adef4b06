// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Holds every caller to its limits, exactly, in memory: a lock around the accounts, which do the counting.
///
/// Who comes first under the lock is let in: of any number of requests at once, exactly as many as the limit allows.
final class RateLimiter: Sendable {
    private struct State {
        var accounts: [String: LimitAccount] = [:]
        /// Who is to be written or deleted.
        var changed: Set<String> = []
        var lastBody: UInt64 = 0
        var sweptAt: ContinuousClock.Instant?
    }

    private let state = NIOLockedValueBox(State())
    private let capacity: Int

    /// Creates a limiter that remembers up to `capacity` callers.
    ///
    /// One who is as good as unknown (see ``LimitAccount/isIdle(at:)``) is forgotten for another; where all are busy,
    /// unknown callers wait a second, for to forget one that is busy would let it in too often.
    init(capacity: Int = 100_000) { self.capacity = max(1, capacity) }

    /// How many callers are remembered.
    var accountCount: Int { self.state.withLockedValue { $0.accounts.count } }

    // MARK: Requests

    /// Lets a request in, or not.
    ///
    /// A refused request costs nothing. `id` is ``Caller/id``. An admitted request of a policy with `concurrent` holds the
    /// decision's permit until its last byte.
    func admit(_ id: String, _ policy: RateLimitPolicy, now: LimitMoment) -> Decision {
        let decision = self.state.withLockedValue { state in
            guard state.accounts[id] != nil || state.accounts.count < self.capacity || self.sweep(&state, now) else {
                return Decision(.crowded, nil)
            }
            return Self.change(id, &state) { account in
                let refusal = account.admit(policy, at: now)
                return Decision(refusal, policy.requests == nil ? nil : account.bucket)
            }
        }
        guard decision.isAllowed, policy.concurrent != nil else { return decision }
        return decision.holding(ConcurrencyPermit { self.release(id) })
    }

    /// Gives back what an admitted request took, for it was refused after all.
    func giveBack(_ decision: Decision, _ id: String, now: LimitMoment) -> Decision {
        decision.permit?.release()
        guard let receipt = decision.receipt else { return decision }
        return self.state.withLockedValue { state in
            Self.change(id, &state) { account in
                account.giveBack(receipt, at: now)
                return Decision(nil, account.bucket)
            }
        }
    }

    private func release(_ id: String) {
        self.state.withLockedValue { state in
            state.accounts[id]?.release()
            // With nothing to remember, a caller leaves no trace.
            if state.accounts[id] == LimitAccount() { state.accounts[id] = nil }
        }
    }

    // MARK: Bytes

    /// Lets a file's body in, or not: `nil`.
    ///
    /// Where the length is known, all of it is promised to the body, and what it did not send is given back at its end.
    func begin(_ id: String, length: Int64?, _ policy: RateLimitPolicy, now: LimitMoment) -> UInt64? {
        self.state.withLockedValue { state in
            state.lastBody &+= 1
            let body = state.lastBody
            return Self.change(id, &state) { $0.begin(body, length: length, policy, at: now) } ? body : nil
        }
    }

    /// What a body with `count` bytes at hand may do.
    func turn(_ id: String, of body: UInt64, wanting count: Int, now: LimitMoment) -> BytePacer.Turn {
        self.state.withLockedValue { state in
            Self.change(id, &state) { $0.turn(of: body, wanting: count, at: now) }
        }
    }

    /// Ends a body; see ``LimitAccount/end(_:sent:)``.
    func end(_ id: String, _ body: UInt64, sent: Int64?) {
        self.state.withLockedValue { state in
            guard state.accounts[id] != nil else { return }
            Self.change(id, &state) { $0.end(body, sent: sent) }
        }
    }

    /// What is left of the day's bytes; `nil` where they are not limited.
    func bytesLeft(_ id: String, _ policy: RateLimitPolicy, now: LimitMoment) -> BytesLeft? {
        policy.bytesPerDay.map { limit in
            let (left, reset) = self.state.withLockedValue { state in
                var account = state.accounts[id] ?? LimitAccount()
                return account.bytesLeft(of: limit, at: now)
            }
            return BytesLeft(limit: limit, left: left, resetSeconds: reset)
        }
    }

    // MARK: Keeping

    /// Takes over what was kept, before the first request.
    func restore(_ records: [LimitAccountRecord], now: LimitMoment) {
        self.state.withLockedValue { state in
            for record in records {
                let account = record.account(at: now)
                if account.isIdle(at: now) {
                    state.changed.insert(record.caller)
                } else {
                    state.accounts[record.caller] = account
                }
            }
        }
    }

    /// Who changed since it was last taken, up to `count`, with what is to be kept of it: `nil` where nothing is.
    func takeChanges(_ count: Int, now: LimitMoment) -> [(caller: String, record: LimitAccountRecord?)] {
        self.state.withLockedValue { state in
            let taken = Array(state.changed.prefix(count))
            state.changed.subtract(taken)
            return taken.map { id in
                (id, state.accounts[id].flatMap { LimitAccountRecord($0, of: id, at: now) })
            }
        }
    }

    /// Puts back what could not be kept.
    func putBack(_ callers: some Sequence<String>) { self.state.withLockedValue { $0.changed.formUnion(callers) } }

    /// Forgets who is idle, some at a time, so that no request waits for it.
    func forgetIdle(now: LimitMoment) {
        let ids = self.state.withLockedValue { Array($0.accounts.keys) }
        for start in stride(from: 0, to: ids.count, by: 1024) {
            self.state.withLockedValue { state in
                for id in ids[start..<min(start + 1024, ids.count)] { self.forget(id, ifIdleAt: now, &state) }
            }
        }
    }

    // MARK: Accounts

    private static func change<Value>(
        _ id: String,
        _ state: inout State,
        _ body: (inout LimitAccount) -> Value
    ) -> Value {
        // In place: the accounts hold dictionaries, which would be copied.
        let value = body(&state.accounts[id, default: LimitAccount()])
        if state.accounts[id]?.isWorthKeeping ?? false { state.changed.insert(id) }
        return value
    }

    /// Forgets who is idle; whether there is room now.
    ///
    /// At most once a second, for it looks at every account.
    private func sweep(_ state: inout State, _ now: LimitMoment) -> Bool {
        if let last = state.sweptAt, last.duration(to: now.instant) < .seconds(1) { return false }
        state.sweptAt = now.instant
        let before = state.accounts.count
        for id in Array(state.accounts.keys) { self.forget(id, ifIdleAt: now, &state) }
        return state.accounts.count < before
    }

    /// Forgets one who is idle; what was kept of it is to be deleted.
    private func forget(_ id: String, ifIdleAt now: LimitMoment, _ state: inout State) {
        guard let account = state.accounts[id], account.isIdle(at: now) else { return }
        state.accounts[id] = nil
        // While nothing can be written, this must not grow for ever; what then stays in the table is idle at the next start.
        if account.isWorthKeeping, state.changed.count < 2 * self.capacity { state.changed.insert(id) }
    }
}
