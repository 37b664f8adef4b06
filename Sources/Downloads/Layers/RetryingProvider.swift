// SPDX-License-Identifier: Apache-2.0

/// Tries reads again where the error says that it may help, and the budget allows it; never after a body byte was passed on,
/// never a delete.
///
/// What brings a file in goes through once: whoever drives that work has its own, longer patience. So does a check, which shows
/// what is, not what a second try makes of it.
public struct RetryingProvider: ProviderLayer {
    /// The wrapped provider.
    public let base: any Provider
    private let policy: RetryPolicy
    private let budget: RetryBudget

    /// Wraps a provider; `budget` is what all its calls together may spend.
    public init(_ base: any Provider, policy: RetryPolicy, budget: RetryBudget = RetryBudget()) {
        self.base = base
        self.policy = policy
        self.budget = budget
    }

    /// Tries again.
    public func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        try await self.retrying { () async throws(ProviderError) in try await self.base.sessions(limit: limit) }
    }

    /// Tries again.
    public func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        try await self.retrying { () async throws(ProviderError) in try await self.base.list(query) }
    }

    /// Tries again.
    public func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        try await self.retrying { () async throws(ProviderError) in try await self.base.download(reference) }
    }

    /// Tries again until the head is there, not after.
    public func content(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        try await self.retrying { () async throws(ProviderError) in try await self.base.content(of: reference, request)
        }
    }

    /// Tries again until the head is there, not after.
    public func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        try await self.retrying { () async throws(ProviderError) in try await self.base.archive(of: downloads) }
    }

    /// Tries again.
    public func abandon(_ work: CreateWork) async throws(ProviderError) {
        try await self.retrying { () async throws(ProviderError) in try await self.base.abandon(work) }
    }

    /// Tries again.
    public func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        try await self.retrying { () async throws(ProviderError) in try await self.base.occupant(request) }
    }

    /// Tries again.
    public func abandon(_ work: UploadWork) async throws(ProviderError) {
        try await self.retrying { () async throws(ProviderError) in try await self.base.abandon(work) }
    }

    private func retrying<Result: Sendable>(
        _ call: () async throws(ProviderError) -> Result
    ) async throws(ProviderError) -> Result {
        self.budget.earn()
        var attempt = 0
        while true {
            do {
                return try await call()
            } catch {
                attempt += 1
                guard let pause = self.policy.pause(after: error, attempt: attempt), self.budget.spend() else {
                    throw error
                }
                do { try await self.policy.sleep(pause) } catch { throw .cancelled }
            }
        }
    }
}

/// How often, and after what pause, a read is tried again.
///
/// Time and chance are passed in.
public struct RetryPolicy: Sendable {
    /// Tries after the first.
    public var retries: Int
    /// The pause before the first retry, doubled for each further one.
    public var firstPause: Duration
    /// A longer wait than this, asked for by the upstream, is left to the caller.
    public var longestPause: Duration
    /// A number from 0 to 1 for the jitter.
    public var random: @Sendable () -> Double
    /// Waits; throws when cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void

    /// Creates a policy; the defaults are two retries after 0.1 s and 0.2 s, half to all of it by chance.
    public init(
        retries: Int = 2,
        firstPause: Duration = .milliseconds(100),
        longestPause: Duration = .seconds(2),
        random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.retries = retries
        self.firstPause = firstPause
        self.longestPause = longestPause
        self.random = random
        self.sleep = sleep
    }

    /// The pause before the retry number `attempt` (from 1), or `nil` where there is none.
    public func pause(after error: ProviderError, attempt: Int) -> Duration? {
        guard attempt <= self.retries else { return nil }
        switch error.retry {
        case .never: return nil
        case .after(let wait): return wait <= self.longestPause ? wait : nil
        case .now:
            let full = min(self.firstPause * Double(1 << min(attempt - 1, 16)), self.longestPause)
            return full * (0.5 + self.random() / 2)
        }
    }
}
