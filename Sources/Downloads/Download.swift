// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A file that a provider holds, or is fetching: the one noun of the API.
///
/// Adapters make it from what their upstream says; whatever the upstream does not know stays `nil`, nothing is guessed.
public struct Download: Hashable, Sendable {
    /// Where it is; the public id is made of this.
    public var reference: DownloadReference

    /// The upstream's own name, untouched and not to be trusted; see ``filename``.
    public var name: String

    /// The media type, from the provider or else from the name's extension.
    public var mimeType: String?

    /// Bytes.
    public var size: Int64?

    /// SHA-256 in lower-case hex; only where the provider names the algorithm, or the gateway measured it.
    public var checksum: String?

    /// How far it is.
    public var status: DownloadStatus

    /// When the file, or the transfer that brings it, came into being.
    public var createdAt: Date?

    /// When its last byte was stored.
    public var completedAt: Date?

    /// When the provider will drop it.
    public var expiresAt: Date?

    /// The URL that the file was fetched from; credentials are removed where it is shown.
    public var sourceURL: String?

    /// The page on which it was found; credentials are removed where it is shown.
    public var pageURL: String?

    /// How far a running transfer is; only while `downloading`.
    public var progress: DownloadProgress?

    /// Why it failed; only when `failed`.
    public var failure: DownloadFailure?

    /// The upstream's other fields that are no secret, under the upstream's own names.
    public var native: [String: JSONValue]

    /// What tells two files of one ``reference`` apart; the `ETag` is made of it.
    ///
    /// Made once of what the *provider* said (size, creation time, checksum), so that a digest or a size that the gateway
    /// learns later does not change it.
    public let revision: String

    /// Creates a download from what a provider said; `mimeType` is derived from the name where the provider has none.
    public init(
        reference: DownloadReference,
        name: String,
        mimeType: String? = nil,
        size: Int64? = nil,
        checksum: String? = nil,
        status: DownloadStatus = .completed,
        createdAt: Date? = nil,
        completedAt: Date? = nil,
        expiresAt: Date? = nil,
        sourceURL: String? = nil,
        pageURL: String? = nil,
        progress: DownloadProgress? = nil,
        failure: DownloadFailure? = nil,
        native: [String: JSONValue] = [:],
        revision: String? = nil
    ) {
        self.reference = reference
        self.name = name
        self.mimeType = mimeType.flatMap(MediaTypes.wellFormed) ?? MediaTypes.type(forName: name)
        self.size = size
        self.checksum = checksum
        self.status = status
        self.createdAt = createdAt
        self.completedAt = completedAt
        self.expiresAt = expiresAt
        self.sourceURL = sourceURL
        self.pageURL = pageURL
        self.progress = progress
        self.failure = failure
        self.native = native
        self.revision =
            revision
            ?? [
                size.map(String.init) ?? "",
                createdAt.map { RFC3339.format(Date(timeIntervalSince1970: $0.timeIntervalSince1970.rounded(.down))) }
                    ?? "",
                checksum ?? "",
            ].joined(separator: "/")
    }

    /// A base name that is safe to save under; never empty, never a path, at most 255 bytes.
    public var filename: String { SafeFilename.make(from: self.name) }
}

/// The state of a download, as the contract names it.
public enum DownloadStatus: String, Sendable, Codable, CaseIterable {
    /// Accepted, not begun.
    case queued
    /// Bytes are arriving.
    case downloading
    /// All bytes are there.
    case completed
    /// It ended without its bytes; ``Download/failure`` says why.
    case failed
    /// Somebody stopped it.
    case cancelled
}

/// How far a running transfer is.
public struct DownloadProgress: Hashable, Sendable, Codable {
    /// Bytes so far.
    public var receivedBytes: Int64
    /// Bytes in all, where known.
    public var totalBytes: Int64?
    /// 0–100, where known.
    public var percent: Double?
    /// The present rate, where known.
    public var bytesPerSecond: Int64?

    /// Creates a progress; `percent` is derived where both sizes are known.
    public init(receivedBytes: Int64, totalBytes: Int64?, percent: Double? = nil, bytesPerSecond: Int64? = nil) {
        self.receivedBytes = receivedBytes
        self.totalBytes = totalBytes
        if let percent {
            self.percent = min(max(percent, 0), 100)
        } else if let totalBytes, totalBytes > 0 {
            self.percent = min(100, (Double(receivedBytes) / Double(totalBytes) * 1000).rounded() / 10)
        }
        self.bytesPerSecond = bytesPerSecond
    }
}

/// Why a download failed: the contract's code, and a sentence for people.
public struct DownloadFailure: Hashable, Sendable, Codable {
    /// The codes of the contract for `error.code`.
    public enum Code: String, Sendable, Codable {
        case downloadForbidden = "DOWNLOAD_FORBIDDEN"
        case conflict = "CONFLICT"
        case remoteFileNotFound = "REMOTE_FILE_NOT_FOUND"
        case networkError = "NETWORK_ERROR"
        case downloadTimeout = "DOWNLOAD_TIMEOUT"
        case domainBlocked = "DOMAIN_BLOCKED"
        case checksumMismatch = "CHECKSUM_MISMATCH"
        case incomplete = "INCOMPLETE"
        case tooLarge = "TOO_LARGE"
        case storageFull = "STORAGE_FULL"
        case invalidURL = "INVALID_URL"
    }

    /// What programs branch on.
    public var code: Code
    /// What people read; holds no secret.
    public var message: String

    /// Creates a failure.
    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }
}
