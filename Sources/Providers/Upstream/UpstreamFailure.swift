// SPDX-License-Identifier: Apache-2.0

import Downloads

/// An answer that is no success, and what it says of the credential that was sent.
struct UpstreamFailure: Error {
    /// Why a credential did not do.
    enum Refusal {
        /// The upstream wants fewer requests with it (429).
        case limited
        /// The upstream does not know it, or no longer (401).
        case unknown
        /// The upstream knows it, and does not let it do *this* (403); what was asked for may be the reason.
        case forbidden
    }

    /// What it means.
    let error: ProviderError
    /// The status that it means: that of HTTP, or the one in its body.
    let status: Int
    /// The answer itself.
    let answer: UpstreamAnswer

    /// What it says of the credential; `nil`: nothing.
    var refusal: Refusal? {
        switch self.error.kind {
        case .rateLimited: .limited
        case .unauthorized: self.status == 401 ? .unknown : .forbidden
        default: nil
        }
    }
}

/// What an upstream's own error code stands for.
enum RefinedFailure {
    /// The same as this HTTP status.
    case status(Int)
    /// Something that no status says.
    case error(ProviderError)
}
