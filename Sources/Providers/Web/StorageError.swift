// SPDX-License-Identifier: Apache-2.0

import Downloads

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Why the storage folder could not take or give bytes.
enum StorageError: Error, Hashable {
    /// A quota or the disk is full; which, in words for the caller.
    case full(String)
    /// There is no such file.
    case missing
    /// Another file has the name.
    case taken
    /// The system refused: the call and its error number.
    case failed(call: String, code: Int32)

    /// What the last system call says.
    static func last(_ call: String) -> StorageError {
        switch errno {
        case ENOSPC, EDQUOT, EFBIG: .full("The gateway's disk is full.")
        case ENOENT: .missing
        case let code: .failed(call: call, code: code)
        }
    }

    /// The error as callers of the provider see it.
    var providerError: ProviderError {
        switch self {
        case .full(let words):
            ProviderError(.failed(DownloadFailure(code: .storageFull, message: words)), message: words)
        case .missing: .notFound()
        case .taken: .nameTaken
        case .failed(let call, let code):
            ProviderError(
                .unavailable,
                retry: .now,
                message: "The gateway's storage folder cannot be used now.",
                cause: "\(call): \(String(cString: strerror(code)))"
            )
        }
    }
}
