// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Foundation
import Transfer

/// Why a URL cannot be brought in, as the contract names it; the one place that says so.
enum WebFailures {
    static func failure(
        _ code: DownloadFailure.Code,
        _ retry: ProviderError.Retry = .never,
        _ message: String,
        cause: String? = nil
    ) -> ProviderError {
        ProviderError(
            .failed(DownloadFailure(code: code, message: message)),
            retry: retry,
            message: message,
            cause: cause
        )
    }

    /// A refusal before anything is queued.
    static func refusal(_ error: TransferError) -> ProviderError {
        switch error.kind {
        case .addressRefused("http"):
            ProviderError(.invalidURL, message: "Plain http is not allowed here.")
        case .addressRefused(let reason):
            ProviderError(.addressRefused, message: "The URL's host is refused (\(reason)).", cause: error.detail)
        default: ProviderError(.invalidURL, message: "The URL cannot be asked: \(error.detail).")
        }
    }

    /// A transfer that did not get an answer, or not all of it.
    static func failure(_ error: TransferError) -> ProviderError {
        let cause = "\(error.kind) \(error.detail)"
        switch error.kind {
        case .cancelled: return .cancelled
        case .closed: return .cancelled
        case .addressRefused("http"): return self.failure(.invalidURL, "Plain http is not allowed here.", cause: cause)
        case .addressRefused(let reason):
            return self.failure(.domainBlocked, "An address on the way is refused (\(reason)).", cause: cause)
        case .invalidURL: return self.failure(.invalidURL, "The URL, or one it led to, cannot be asked.", cause: cause)
        case .connectFailed: return self.failure(.networkError, .now, "The server cannot be reached.", cause: cause)
        case .tlsFailed:
            return self.failure(.networkError, .now, "No secure connection to the server could be made.", cause: cause)
        case .incomplete:
            return self.failure(.incomplete, .now, "The connection broke before the file's end.", cause: cause)
        case .connectTimeout, .firstByteTimeout, .idleTimeout:
            return self.failure(.networkError, .now, "The server did not answer in time.", cause: cause)
        case .malformed: return self.failure(.networkError, "The server's answer is not valid HTTP.", cause: cause)
        case .tooManyRedirects:
            return self.failure(.networkError, "The server redirects too often.", cause: cause)
        case .tooLarge: return self.failure(.tooLarge, "The file is too large.", cause: cause)
        }
    }

    /// An answer that does not bring the file.
    static func failure(status: Int, _ headers: HTTPFields, now: Date) -> ProviderError {
        let message = "The server answered \(status)."
        let wait = RetryAfter.duration(in: headers, now: now).map { ProviderError.Retry.after($0) } ?? .now
        switch status {
        case 404, 410: return self.failure(.remoteFileNotFound, message)
        case 401, 403, 407, 451: return self.failure(.downloadForbidden, message)
        case 408, 425, 429, 500, 502, 503, 504: return self.failure(.networkError, wait, message)
        default: return self.failure(.networkError, message)
        }
    }
}

extension WebFailures {
    fileprivate static func failure(
        _ code: DownloadFailure.Code,
        _ message: String,
        cause: String? = nil
    ) -> ProviderError { self.failure(code, .never, message, cause: cause) }
}
