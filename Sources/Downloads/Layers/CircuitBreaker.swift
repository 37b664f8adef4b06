// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Decides whether a provider is asked: not for a while, after it failed several times in a row.
///
/// After the pause a single call tries; if it fails too, the pause is twice as long. It only decides, and time is passed in.
public final class CircuitBreaker: Sendable {
    /// When it opens, and for how long.
    public struct Policy: Sendable, Hashable {
        /// Failures in a row after which the provider is left alone; 0: never.
        public var failures: Int
        /// The first pause.
        public var pause: Duration
        /// The longest pause.
        public var longestPause: Duration

        /// Creates a policy.
        public init(failures: Int = 8, pause: Duration = .seconds(1), longestPause: Duration = .seconds(30)) {
            self.failures = failures
            self.pause = pause
            self.longestPause = longestPause
        }
    }

    /// What came of a call.
    enum Outcome {
        case well, failed
        /// It says nothing: the caller left.
        case unknown
    }

    /// What to do with a call.
    enum Decision: Equatable {
        case ask
        /// Ask, and tell what came of it: all others wait for that.
        case probe
        /// Do not ask for so long.
        case refuse(Duration)
    }

    private struct State {
        var failures = 0
        /// The last pause.
        var pause = Duration.zero
        var openUntil: ContinuousClock.Instant?
        var isProbing = false
    }

    private let policy: Policy
    private let state = Mutex(State())

    /// Starts closed.
    public init(_ policy: Policy = Policy()) { self.policy = policy }

    /// Whether a call may be made at `now`.
    func decide(at now: ContinuousClock.Instant) -> Decision {
        self.state.withLock { state in
            guard let until = state.openUntil else { return .ask }
            guard now >= until, !state.isProbing else { return .refuse(max(now.duration(to: until), .seconds(1))) }
            state.isProbing = true
            return .probe
        }
    }

    /// Notes what came of a call that was made on `decision`.
    func note(_ outcome: Outcome, of decision: Decision, at now: ContinuousClock.Instant) {
        self.state.withLock { state in
            if decision == .probe { state.isProbing = false }
            switch outcome {
            case .unknown: break
            case .well: state = State()
            case .failed:
                state.failures = min(state.failures + 1, 1_000_000)
                let isNew = state.openUntil == nil
                guard self.policy.failures > 0, state.failures >= self.policy.failures, isNew || decision == .probe
                else { return }
                state.pause = isNew ? self.policy.pause : min(state.pause * 2, self.policy.longestPause)
                state.openUntil = now.advanced(by: state.pause)
            }
        }
    }
}
