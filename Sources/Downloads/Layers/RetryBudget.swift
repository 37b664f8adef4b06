// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a provider's calls may spend on retries, so that an upstream that is down is not asked three times as much.
///
/// Each call earns a share of a retry, each retry costs a whole one: in the long run at most one retry for every `callsPerRetry`
/// calls, and at most `most` at once.
public final class RetryBudget: Sendable {
    private let most: Int
    private let callsPerRetry: Int
    /// In shares of a retry.
    private let shares: Mutex<Int>

    /// Starts full.
    public init(most: Int = 20, callsPerRetry: Int = 5) {
        self.most = max(0, min(most, 1_000_000))
        self.callsPerRetry = max(1, min(callsPerRetry, 1_000_000))
        self.shares = Mutex(self.most * self.callsPerRetry)
    }

    /// A call is made.
    func earn() { self.shares.withLock { $0 = min($0 + 1, self.most * self.callsPerRetry) } }

    /// Whether a retry can be paid; then it is.
    func spend() -> Bool {
        self.shares.withLock { shares in
            guard shares >= self.callsPerRetry else { return false }
            shares -= self.callsPerRetry
            return true
        }
    }
}
