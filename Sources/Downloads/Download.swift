// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A file that a provider holds, or is fetching: the one noun of the API.
///
/// Adapters make it from what their upstream says; whatever the upstream does not know stays `nil`, nothing is guessed.
public struct Download: Hashable, Sendable {
    /// All of it behind one reference: a download is handed on often, changed hardly ever, and is long.
    private var box: Box

    /// Where it is; the public id is made of this.
    public var reference: DownloadReference {
        get { self.box.fields.reference }
        set { self.change { $0.reference = newValue } }
    }

    /// The upstream's own name, untouched and not to be trusted; see ``filename``.
    public var name: String {
        get { self.box.fields.name }
        set { self.change { $0.name = newValue } }
    }

    /// The media type, from the provider or else from the name's extension.
    public var mimeType: String? {
        get { self.box.fields.mimeType }
        set { self.change { $0.mimeType = newValue } }
    }

    /// Bytes.
    public var size: Int64? {
        get { self.box.fields.size }
        set { self.change { $0.size = newValue } }
    }

    /// SHA-256 in lower-case hex; only where the provider names the algorithm, or the gateway measured it.
    public var checksum: String? {
        get { self.box.fields.checksum }
        set { self.change { $0.checksum = newValue } }
    }

    /// How far it is.
    public var status: DownloadStatus {
        get { self.box.fields.status }
        set { self.change { $0.status = newValue } }
    }

    /// When the file, or the transfer that brings it, came into being.
    public var createdAt: Date? {
        get { self.box.fields.createdAt }
        set { self.change { $0.createdAt = newValue } }
    }

    /// When its last byte was stored.
    public var completedAt: Date? {
        get { self.box.fields.completedAt }
        set { self.change { $0.completedAt = newValue } }
    }

    /// When the provider will drop it.
    public var expiresAt: Date? {
        get { self.box.fields.expiresAt }
        set { self.change { $0.expiresAt = newValue } }
    }

    /// The URL that the file was fetched from; credentials are removed where it is shown.
    public var sourceURL: String? {
        get { self.box.fields.sourceURL }
        set { self.change { $0.sourceURL = newValue } }
    }

    /// The page on which it was found; credentials are removed where it is shown.
    public var pageURL: String? {
        get { self.box.fields.pageURL }
        set { self.change { $0.pageURL = newValue } }
    }

    /// How far a running transfer is; only while `downloading`.
    public var progress: DownloadProgress? {
        get { self.box.fields.progress }
        set { self.change { $0.progress = newValue } }
    }

    /// Why it failed; only when `failed`.
    public var failure: DownloadFailure? {
        get { self.box.fields.failure }
        set { self.change { $0.failure = newValue } }
    }

    /// The upstream's other fields that are no secret, under the upstream's own names.
    public var native: [String: JSONValue] {
        get { self.box.fields.native }
        set { self.change { $0.native = newValue } }
    }

    /// What tells two files of one ``reference`` apart; the `ETag` is made of it.
    ///
    /// Made once of what the *provider* said (size, creation time, checksum), so that a digest or a size that the gateway
    /// learns later does not change it. Empty where nothing does: two files may then have the same name and size.
    public var revision: String { self.box.fields.revision }

    /// Creates a download from what a provider said; `mimeType` is derived from the name where the provider has none.
    ///
    /// Where a file is found by its name, `revision` is to be as exact as the provider is, see ``revisionOfName(size:time:)``. By
    /// default its time counts in whole seconds: two of a vendor's answers may tell one time with and without a fraction.
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
        let fields = Fields(
            reference: reference,
            name: name,
            mimeType: mimeType.flatMap(MediaTypes.wellFormed) ?? MediaTypes.type(forName: name),
            size: size,
            checksum: checksum,
            status: status,
            createdAt: createdAt,
            completedAt: completedAt,
            expiresAt: expiresAt,
            sourceURL: sourceURL,
            pageURL: pageURL,
            progress: progress,
            failure: failure,
            native: native,
            revision: revision ?? Self.revision(size: size, createdAt: createdAt, checksum: checksum)
        )
        self.box = Box(fields)
    }

    /// The ``revision`` of a file that is found by its name, and was last changed at `time`; empty where nobody says when.
    public static func revisionOfName(size: Int64?, time: Date?) -> String {
        guard let time else { return "" }
        return "\(size.map(String.init) ?? "")/\(time.timeIntervalSince1970)"
    }

    private static func revision(size: Int64?, createdAt: Date?, checksum: String?) -> String {
        let second = createdAt.map { Date(timeIntervalSince1970: $0.timeIntervalSince1970.rounded(.down)) }
        return [size.map(String.init) ?? "", second.map(RFC3339.format) ?? "", checksum ?? ""].joined(separator: "/")
    }

    private mutating func change(_ change: (inout Fields) -> Void) {
        var fields = self.box.fields
        change(&fields)
        self.box = Box(fields)
    }

    /// Whether all fields are the same; at once for copies of one download.
    public static func == (left: Download, right: Download) -> Bool {
        left.box === right.box || left.box.fields == right.box.fields
    }

    /// Hashes all fields.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.box.fields) }

    /// A base name that is safe to save under; never empty, never a path, at most 255 bytes.
    public var filename: String { SafeFilename.make(from: self.name) }
}

extension Download {
    fileprivate struct Fields: Hashable, Sendable {
        var reference: DownloadReference
        var name: String
        var mimeType: String?
        var size: Int64?
        var checksum: String?
        var status: DownloadStatus
        var createdAt: Date?
        var completedAt: Date?
        var expiresAt: Date?
        var sourceURL: String?
        var pageURL: String?
        var progress: DownloadProgress?
        var failure: DownloadFailure?
        var native: [String: JSONValue]
        let revision: String
    }

    fileprivate final class Box: Sendable {
        let fields: Fields

        init(_ fields: Fields) { self.fields = fields }
    }
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
    public enum Code: String, Sendable, Codable, CaseIterable {
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
