// SPDX-License-Identifier: Apache-2.0

/// What ``ObservedProvider`` counted of a provider's calls, for `/metrics`.
public final class ProviderCalls: Sendable {
    /// How a call ended.
    public enum Outcome: String, Sendable, CaseIterable {
        /// As asked.
        case ok
        /// The upstream is well, and said no: there is no such item, or its state forbids it.
        case refused
        /// It refused the operator's credential.
        case unauthorized
        /// It wants fewer requests.
        case rateLimited = "rate_limited"
        /// It cannot be reached, or cannot serve now.
        case unavailable
        /// It did not answer in time.
        case timeout
        /// It answered what cannot be understood, or an address that is refused.
        case malformed
        /// It answered with any other error.
        case error
        /// Nobody waited for the answer any more.
        case cancelled
    }

    private let ended = Tally<Outcome>()
    private let durations = DurationBuckets()

    /// Calls that ended so, retries included in the one call.
    public func count(_ outcome: Outcome) -> Int64 { self.ended[outcome] }

    /// How long calls took that were answered; of a file's bytes, until its head was there.
    public var duration: DurationBuckets.Snapshot { self.durations.snapshot }

    /// Counts a call; `seconds` is `nil` where its time says nothing of the provider.
    func ended(_ outcome: Outcome, seconds: Double?) {
        self.ended.add(outcome)
        if let seconds, outcome != .cancelled { self.durations.add(seconds: seconds) }
    }
}

extension ProviderCalls.Outcome {
    /// How a failed call ended; `nil` where none was made.
    init?(_ error: ProviderError) {
        switch error.kind {
        case .unsupported: return nil
        case .notFound, .invalidRequest, .invalidURL, .permission, .downloadForbidden, .conflict, .machineNotRunning,
            .notReady, .failed, .rangeNotSatisfiable:
            self = .refused
        case .unauthorized: self = .unauthorized
        case .rateLimited: self = .rateLimited
        case .unavailable: self = .unavailable
        case .timeout: self = .timeout
        case .malformedResponse, .addressRefused: self = .malformed
        case .upstream: self = .error
        case .cancelled: self = .cancelled
        }
    }
}
