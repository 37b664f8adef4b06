// SPDX-License-Identifier: Apache-2.0

public import Foundation
public import Logging
import Synchronization

/// Sees every call but plans, for which no upstream is asked: keeps ``ProviderHealth`` and writes the cause of a failure, which no caller is shown, to the log.
public struct ObservedProvider: ProviderLayer {
    /// The wrapped provider.
    public let base: any Provider
    private let health: ProviderHealth
    private let logger: Logger
    private let now: @Sendable () -> Date

    /// Wraps a provider.
    public init(
        _ base: any Provider,
        health: ProviderHealth,
        logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.base = base
        self.health = health
        self.logger = logger
        self.now = now
    }

    /// Passes on.
    public func sessions(limit: Int) async throws(ProviderError) -> [Session] {
        try await self.observing("sessions") { () async throws(ProviderError) in
            try await self.base.sessions(limit: limit)
        }
    }

    /// Passes on.
    public func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> {
        try await self.observing("list") { () async throws(ProviderError) in try await self.base.list(query) }
    }

    /// Passes on.
    public func download(_ reference: DownloadReference) async throws(ProviderError) -> Download {
        try await self.observing("download") { () async throws(ProviderError) in try await self.base.download(reference)
        }
    }

    /// Passes on.
    public func content(
        of reference: DownloadReference,
        _ request: ContentRequest
    ) async throws(ProviderError) -> Content {
        try await self.observing("content") { () async throws(ProviderError) in
            try await self.base.content(of: reference, request)
        }
    }

    /// Passes on.
    public func archive(of downloads: [Download]) async throws(ProviderError) -> any ArchivedFiles {
        try await self.observing("archive") { () async throws(ProviderError) in
            try await self.base.archive(of: downloads)
        }
    }

    /// Passes on.
    public func delete(_ reference: DownloadReference) async throws(ProviderError) {
        try await self.observing("delete") { () async throws(ProviderError) in try await self.base.delete(reference) }
    }

    /// Passes on.
    public func create(_ work: CreateWork, _ report: CreateReport) async throws(ProviderError) -> Download {
        // How long it takes is up to the file, not to the provider.
        try await self.observing("create", isTimed: false) { () async throws(ProviderError) in
            try await self.base.create(work, report)
        }
    }

    /// Passes on.
    public func abandon(_ work: CreateWork) async throws(ProviderError) {
        try await self.observing("abandon") { () async throws(ProviderError) in try await self.base.abandon(work) }
    }

    /// Passes on.
    public func occupant(_ request: UploadRequest) async throws(ProviderError) -> DownloadReference? {
        try await self.observing("occupant") { () async throws(ProviderError) in try await self.base.occupant(request) }
    }

    /// Passes on; that the source fails says nothing of how this provider does.
    public func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        let isBroken = Mutex(false)
        let watched = source.watched { broken in isBroken.withLock { $0 = broken } }
        return try await self.observing("upload", isTimed: false, isItsOwn: { !isBroken.withLock { $0 } }) {
            () async throws(ProviderError) in try await self.base.upload(work, from: watched, report)
        }
    }

    /// Passes on.
    public func abandon(_ work: UploadWork) async throws(ProviderError) {
        try await self.observing("abandon") { () async throws(ProviderError) in try await self.base.abandon(work) }
    }

    /// Passes on.
    public func sweep() async throws(ProviderError) -> [DownloadReference] {
        try await self.observing("sweep") { () async throws(ProviderError) in try await self.base.sweep() }
    }

    /// Passes on.
    public func check() async throws(ProviderError) {
        try await self.observing("check") { () async throws(ProviderError) in try await self.base.check() }
    }

    private func observing<Result: Sendable>(
        _ operation: String,
        isTimed: Bool = true,
        isItsOwn: () -> Bool = { true },
        _ call: () async throws(ProviderError) -> Result
    ) async throws(ProviderError) -> Result {
        let start = ContinuousClock.now
        let seconds: () -> Double? = { isTimed ? start.duration(to: .now) / .seconds(1) : nil }
        do {
            let result = try await call()
            self.health.calls.ended(.ok, seconds: seconds())
            self.health.succeeded(at: self.now())
            return result
        } catch {
            // Else the fault is somebody else's.
            guard isItsOwn() else { throw error }
            if let outcome = ProviderCalls.Outcome(error) { self.health.calls.ended(outcome, seconds: seconds()) }
            self.record(error, of: operation)
            throw error
        }
    }

    private func record(_ error: ProviderError, of operation: String) {
        if error.saysUpstreamIsWell {
            self.health.succeeded(at: self.now())
        } else if error.kind != .cancelled && error.kind != .unsupported {
            self.health.failed(error, at: self.now())
            self.logger.warning(
                "\(error.message)",
                metadata: ["provider": "\(self.id)", "operation": "\(operation)", "cause": "\(error.cause ?? "-")"]
            )
        }
    }
}

extension ProviderError {
    /// Whether the upstream answered as it should: the refusal is about the item, not about the provider.
    fileprivate var saysUpstreamIsWell: Bool {
        switch self.kind {
        case .notFound, .invalidRequest, .invalidURL, .permission, .downloadForbidden, .conflict, .machineNotRunning,
            .notReady,
            .failed, .rangeNotSatisfiable:
            true
        case .unsupported, .unauthorized, .rateLimited, .addressRefused, .unavailable, .timeout, .malformedResponse,
            .upstream, .cancelled:
            false
        }
    }
}
