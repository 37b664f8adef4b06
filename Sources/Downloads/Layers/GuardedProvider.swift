// SPDX-License-Identifier: Apache-2.0

/// Leaves an upstream alone for a while that failed several times in a row, so that callers are answered at once and it can recover.
///
/// Only reads are refused, and only they are counted. What brings a file in may fail for that file's sake, and has its own patience.
public struct GuardedProvider: ProviderLayer {
    /// The wrapped provider.
    public let base: any Provider
    private let breaker: CircuitBreaker
    private let instant: @Sendable () -> ContinuousClock.Instant

    /// Wraps a provider.
    public init(
        _ base: any Provider,
        breaker: CircuitBreaker,
        instant: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.base = base
        self.breaker = breaker
        self.instant = instant
    }

    /// Passes on unless the upstream is left alone.
    public func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        try await self.guarding { () async throws(ProviderError) in try await self.base.sessions(limit: limit) }
    }

    /// Passes on unless the upstream is left alone.
    public func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        try await self.guarding { () async throws(ProviderError) in try await self.base.list(query) }
    }

    /// Passes on unless the upstream is left alone.
    public func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        try await self.guarding { () async throws(ProviderError) in try await self.base.download(reference) }
    }

    /// Passes on unless the upstream is left alone; what the body does later is not counted.
    public func content(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        try await self.guarding { () async throws(ProviderError) in
            try await self.base.content(of: reference, request)
        }
    }

    /// Passes on unless the upstream is left alone.
    public func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        try await self.guarding { () async throws(ProviderError) in try await self.base.archive(of: downloads) }
    }

    /// Passes on unless the upstream is left alone.
    public func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        try await self.guarding { () async throws(ProviderError) in try await self.base.occupant(request) }
    }

    private func guarding<Result: Sendable>(
        _ call: () async throws(ProviderError) -> Result
    ) async throws(ProviderError) -> Result {
        let decision = self.breaker.decide(at: self.instant())
        if case .refuse(let wait) = decision {
            throw ProviderError(
                .unavailable,
                retry: .after(wait),
                message: "The provider failed several times in a row, and is left alone for a moment."
            )
        }
        do {
            let result = try await call()
            self.breaker.note(.well, of: decision, at: self.instant())
            return result
        } catch {
            self.breaker.note(error.saysOfUpstream, of: decision, at: self.instant())
            throw error
        }
    }
}

extension ProviderError {
    /// What a failed read says of the upstream as a whole.
    fileprivate var saysOfUpstream: CircuitBreaker.Outcome {
        switch self.kind {
        case .unavailable, .timeout, .malformedResponse, .upstream: .failed
        case .cancelled, .unsupported, .addressRefused: .unknown
        // It answers, if not as one would like; a limit and a refused credential have their own pauses.
        case .notFound, .invalidRequest, .invalidURL, .unauthorized, .permission, .downloadForbidden, .rateLimited,
            .conflict, .machineNotRunning, .notReady, .failed, .rangeNotSatisfiable:
            .well
        }
    }
}
