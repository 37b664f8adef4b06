// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Transfer

/// Makes a ``ProviderError`` of everything that can go wrong between us and an upstream; the one place that does.
struct UpstreamFailures: Sendable {
    /// Cleans what the upstream says.
    let words: UpstreamWords
    /// The time, against which a moment to wait for is held.
    let now: @Sendable () -> Date

    /// The error of a transfer that did not get an answer, or not all of it.
    func error(_ error: TransferError) -> ProviderError {
        let cause = self.words.clean("\(error.kind) \(error.detail)")
        func make(_ kind: ProviderError.Kind, _ retry: ProviderError.Retry, _ message: String) -> ProviderError {
            ProviderError(kind, retry: retry, message: message, cause: cause)
        }
        switch error.kind {
        case .cancelled: return .cancelled
        case .closed: return make(.unavailable, .never, "The gateway is shutting down.")
        case .addressRefused(let reason):
            return make(.addressRefused, .never, "The upstream named an address that is refused (\(reason)).")
        case .connectFailed: return make(.unavailable, .now, "The upstream cannot be reached.")
        case .tlsFailed: return make(.unavailable, .now, "No secure connection to the upstream could be made.")
        case .incomplete: return make(.unavailable, .now, "The connection to the upstream broke.")
        case .connectTimeout, .firstByteTimeout, .idleTimeout:
            return make(.timeout, .now, "The upstream did not answer in time.")
        case .malformed: return make(.malformedResponse, .never, "The upstream's answer is not valid HTTP.")
        case .invalidURL: return make(.malformedResponse, .never, "The upstream named an address that is no URL.")
        case .tooManyRedirects: return make(.malformedResponse, .never, "The upstream redirects without end.")
        case .tooLarge: return make(.malformedResponse, .never, "The upstream's answer is too large.")
        }
    }

    /// The error of an answer that is no success, by its status.
    func error(_ answer: UpstreamAnswer) -> ProviderError {
        self.error(status: answer.status, answer)
    }

    /// The error of an answer that means `status`, whatever its own is.
    func error(status: Int, _ answer: UpstreamAnswer) -> ProviderError {
        let words = self.words.find(in: answer)
        if status == 401 || status == 403 {
            // Vendors quote the key in these words, at times half hidden; only the log gets them.
            let message = "The upstream refused the configured credential (\(status))."
            return ProviderError(.unauthorized, message: message, cause: words)
        }
        let message = words.map { "The upstream answered \(status): \($0)" } ?? "The upstream answered \(status)."
        let (kind, retry) = self.meaning(of: status, answer)
        return ProviderError(kind, retry: retry, message: message)
    }

    /// An answer that cannot be understood; `detail` is for the log.
    func malformed(_ message: String, detail: String? = nil) -> ProviderError {
        ProviderError(.malformedResponse, message: message, cause: detail.map(self.words.clean))
    }

    private func meaning(of status: Int, _ answer: UpstreamAnswer) -> (ProviderError.Kind, ProviderError.Retry) {
        let wait =
            RetryAfter.duration(in: answer.headers, now: self.now()).map { ProviderError.Retry.after($0) } ?? .now
        switch status {
        case 404, 410: return (.notFound, .never)
        case 409: return (.conflict, .never)
        case 400, 422: return (.invalidRequest, .never)
        case 413: return (.failed(Self.failure(.tooLarge, "The upstream does not take so large a file.")), .never)
        case 507: return (.failed(Self.failure(.storageFull, "The upstream has no room for the file.")), .never)
        case 429: return (.rateLimited, wait)
        case 502, 503, 529: return (.unavailable, wait)
        case 504: return (.timeout, wait)
        case 500: return (.upstream(status: status), .now)
        default: return (.upstream(status: status), .never)
        }
    }

    private static func failure(_ code: DownloadFailure.Code, _ message: String) -> DownloadFailure {
        DownloadFailure(code: code, message: message)
    }
}

extension ProviderError {
    /// This error of a call in which there was nothing of the caller's that could be at fault.
    func blaming(upstream status: Int) -> ProviderError {
        guard self.kind == .invalidRequest else { return self }
        var error = self
        error.kind = .upstream(status: status)
        return error
    }

    /// This error, not worth another try.
    func notAgain() -> ProviderError {
        var error = self
        error.retry = .never
        return error
    }

    /// Whether a store refused a link: 403, and 400 where the right that the link was signed with has expired.
    var refusesLink: Bool { [.upstream(status: 400), .upstream(status: 403)].contains(self.kind) }
}
