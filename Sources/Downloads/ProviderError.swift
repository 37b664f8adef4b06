// SPDX-License-Identifier: Apache-2.0

/// Why a provider could not do what it was asked: a kind to branch on, whether a second try may help, and two texts.
public struct ProviderError: Error, Sendable {
    /// What callers branch on.
    ///
    /// Each is one code of the contract.
    public enum Kind: Hashable, Sendable {
        /// The upstream does not know the item or the container.
        case notFound
        /// The provider has no such operation; no request was made.
        case unsupported
        /// The upstream refused what the caller asked for.
        case invalidRequest
        /// The URL that a caller brought cannot be asked.
        case invalidURL
        /// The upstream refused the operator's credential (401, 403). Never the caller's fault.
        case unauthorized
        /// The upstream's own permission switch forbids it (Vagon 4710).
        case permission
        /// The upstream does not fetch URLs for anybody (Hoody `DOWNLOAD_FORBIDDEN`).
        case downloadForbidden
        /// The upstream wants fewer requests.
        case rateLimited
        /// The item's state forbids it.
        case conflict
        /// A machine that must run for this does not.
        case machineNotRunning
        /// The bytes are not there yet.
        case notReady
        /// The download ended without its bytes.
        case failed(DownloadFailure)
        /// No byte of the file lies in the range; the file's size where it is known.
        case rangeNotSatisfiable(size: Int64?)
        /// The egress policy refused an address that came from the upstream.
        case addressRefused
        /// The upstream cannot be reached, or says that it cannot serve now (502, 503, 529).
        case unavailable
        /// It did not answer in time (our limit, or its own 504).
        case timeout
        /// It answered something that cannot be understood, or that contradicts itself.
        case malformedResponse
        /// It answered with any other error.
        case upstream(status: Int)
        /// Our own task was cancelled.
        case cancelled
    }

    /// Whether trying again may help.
    public enum Retry: Hashable, Sendable {
        /// It will not.
        case never
        /// It may, after a short pause.
        case now
        /// It may, after this long: the upstream said so.
        case after(Duration)
    }

    private struct Fields {
        var kind: Kind
        var retry: Retry
        var message: String
        var cause: String?
        var field: String?
    }

    /// Keeps the fields behind a reference: whatever may throw an error has room for it on its stack, and a body is read through
    /// a dozen of those.
    private indirect enum Box {
        case holding(Fields)
    }

    private var box: Box

    private var fields: Fields {
        get {
            switch self.box {
            case .holding(let fields): fields
            }
        }
        set { self.box = .holding(newValue) }
    }

    /// What happened.
    public var kind: Kind {
        get { self.fields.kind }
        set { self.fields.kind = newValue }
    }

    /// Whether to try again.
    public var retry: Retry {
        get { self.fields.retry }
        set { self.fields.retry = newValue }
    }

    /// A sentence that may be shown to a caller: ours, or the upstream's own words with nothing secret in them.
    public var message: String {
        get { self.fields.message }
        set { self.fields.message = newValue }
    }

    /// What only the log may hold.
    public var cause: String? {
        get { self.fields.cause }
        set { self.fields.cause = newValue }
    }

    /// The field of the caller's request that is at fault, where one is.
    public var field: String? {
        get { self.fields.field }
        set { self.fields.field = newValue }
    }

    /// Creates an error.
    public init(_ kind: Kind, retry: Retry = .never, message: String, cause: String? = nil) {
        self.box = .holding(Fields(kind: kind, retry: retry, message: message, cause: cause))
    }

    /// A fault in one field of a request.
    public static func invalid(_ field: String, _ message: String) -> ProviderError {
        var error = ProviderError(.invalidRequest, message: message)
        error.field = field
        return error
    }

    /// The refusal of an operation that `provider` does not have.
    public static func unsupported(_ operation: String, by provider: ProviderID) -> ProviderError {
        ProviderError(.unsupported, message: "The provider '\(provider)' cannot \(operation).")
    }

    /// The refusal of a reference that is gone, or never was.
    public static func notFound(_ message: String = "There is no such download.") -> ProviderError {
        ProviderError(.notFound, message: message)
    }

    /// The refusal to put a file where another one is.
    public static var nameTaken: ProviderError {
        ProviderError(.conflict, message: "A file of that name is there already, and 'overwrite' was not asked for.")
    }

    /// A download that ended without its bytes.
    public static func failed(_ code: DownloadFailure.Code, _ retry: Retry, _ message: String) -> ProviderError {
        ProviderError(.failed(DownloadFailure(code: code, message: message)), retry: retry, message: message)
    }

    /// Bytes that are not the file whose digest was named.
    public static func checksumMismatch(_ message: String) -> ProviderError {
        .failed(.checksumMismatch, .never, message)
    }

    /// The end of a cancelled task.
    public static var cancelled: ProviderError { ProviderError(.cancelled, message: "The request was cancelled.") }
}
