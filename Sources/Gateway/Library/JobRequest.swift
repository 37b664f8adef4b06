// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// What a job is to do.
enum JobRequest: Hashable, Sendable {
    /// Bring a URL in.
    case url(CreateRequest)
    /// Put a copy of a download in.
    case copy(CopyRequest)
    /// Put in what a caller sends, once.
    case upload(UploadRequest, timeout: Duration)

    /// How long it may take, pauses included.
    var timeout: Duration {
        switch self {
        case .url(let request): request.timeout
        case .copy(let request): request.timeout
        case .upload(_, let timeout): timeout
        }
    }
}

/// A download that is to be put into a provider, its own or another one.
struct CopyRequest: Hashable, Sendable {
    let source: DownloadReference
    let target: UploadRequest
    let timeout: Duration
}
