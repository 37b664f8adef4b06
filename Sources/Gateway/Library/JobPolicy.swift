// SPDX-License-Identifier: Apache-2.0

import Downloads

/// How many jobs run, and how patient their runner is.
public struct JobPolicy: Sendable, Hashable {
    /// How many run at once.
    public var concurrency: Int
    /// How many of them on one host.
    public var perHost: Int
    /// How many one caller may have that have not ended.
    public var mostOpen = 10_000
    /// How long failed and cancelled ones are kept; seconds.
    public var history: Double = 30 * 86_400

    /// How long a copy may take, pauses included; seconds.
    public var copyTimeout: Double = 86_400
    /// How many bytes of unknown length are kept on disk for an upstream that must be told it.
    public var mostSpooled: Int64 = 4_000_000_000

    /// How many tries there are without a byte between them.
    static let mostTries = 8
    /// The pause after the first failed try, doubled for each further one.
    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(60)

    /// Creates a policy.
    public init(concurrency: Int = 8, perHost: Int = 4) {
        self.concurrency = concurrency
        self.perHost = perHost
    }

    /// The pause after the try number `tries` (from 1) that failed; `nil`: no other try.
    ///
    /// `random`, from 0 to 1, spreads those that failed together.
    static func pause(after error: ProviderError, tries: Int, random: Double) -> Duration? {
        guard tries < Self.mostTries else { return nil }
        switch error.retry {
        case .never: return nil
        case .after(let wait): return wait
        case .now:
            let full = min(Self.firstPause * Double(1 << min(max(tries, 1) - 1, 16)), Self.longestPause)
            return full * (0.5 + random / 2)
        }
    }
}

extension DownloadFailure {
    /// What an error is to whoever looks at a download that failed of it; a copy asks for no URL.
    init(_ error: ProviderError, isCopy: Bool = false) {
        let code: Code =
            switch error.kind {
            case .failed(let failure): failure.code
            case .notFound: .remoteFileNotFound
            case .invalidRequest where isCopy, .permission where isCopy: .downloadForbidden
            case .invalidRequest, .invalidURL: .invalidURL
            case .permission, .addressRefused: .domainBlocked
            case .downloadForbidden, .unauthorized, .unsupported: .downloadForbidden
            case .conflict, .machineNotRunning: .conflict
            case .timeout: .downloadTimeout
            case .rateLimited, .notReady, .rangeNotSatisfiable, .unavailable, .malformedResponse, .upstream, .cancelled:
                .networkError
            }
        self.init(code: code, message: error.message)
    }
}
