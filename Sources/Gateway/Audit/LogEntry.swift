// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// One request, as the log remembers it.
public struct LogEntry: Hashable, Sendable {
    /// How it ended.
    public enum Outcome: String, Hashable, Sendable, CaseIterable {
        /// The whole answer was sent.
        case complete
        /// The gateway refused it.
        case refused
        /// It failed, here or upstream.
        case failed
        /// The client went before the end.
        case clientGone
        /// The upstream's body broke off.
        case upstreamCut
    }

    /// Where the time went, in milliseconds; `nil` where nothing of the kind happened.
    public struct Timings: Hashable, Sendable, Codable {
        /// Finding out who calls.
        public var auth: Double?
        /// Judging the limits.
        public var limit: Double?
        /// Asking the catalogue.
        public var cache: Double?
        /// Waiting for upstreams' heads.
        public var upstream: Double?
        /// Sending the body.
        public var body: Double?

        /// Creates timings.
        public init(
            auth: Double? = nil,
            limit: Double? = nil,
            cache: Double? = nil,
            upstream: Double? = nil,
            body: Double? = nil
        ) {
            self.auth = auth
            self.limit = limit
            self.cache = cache
            self.upstream = upstream
            self.body = body
        }

        /// What happens within a part of the gateway.
        enum Part: String {
            case auth, limit, cache, upstream
        }

        mutating func add(_ milliseconds: Double, to part: Part) {
            switch part {
            case .auth: self.auth = (self.auth ?? 0) + milliseconds
            case .limit: self.limit = (self.limit ?? 0) + milliseconds
            case .cache: self.cache = (self.cache ?? 0) + milliseconds
            case .upstream: self.upstream = (self.upstream ?? 0) + milliseconds
            }
        }
    }

    /// `log_` and a number that grows; empty until it is written.
    public internal(set) var id = ""
    /// When it came.
    public var time: Date
    /// Its `X-Request-Id`.
    public var requestId: String
    /// ``Caller/id``; `nil` where nobody was recognised.
    public var keyId: String?
    /// The caller's name for people.
    public var caller: String?
    /// Its method.
    public var method: String
    /// The pattern of the route; `nil` where none matched.
    public var route: String?
    /// Its target, without query values that may be secret.
    public private(set) var path: String
    /// The status of the answer.
    public var status: Int
    /// The code of the problem, where it was one.
    public var code: String?
    /// How it ended.
    public var outcome: Outcome
    /// The provider that it was about.
    public var provider: String?
    /// The session that it was about.
    public var sessionId: String?
    /// The download that it was about.
    public var downloadId: String?
    /// Body bytes that came.
    public var bytesIn: Int64
    /// Body bytes that were sent.
    public var bytesOut: Int64
    /// From the head of the request to the last byte of the answer, in milliseconds.
    public var durationMs: Double
    /// Where the time went.
    public var timings: Timings
    /// Where it came from.
    public var address: String?
    /// What it said it is.
    public var userAgent: String?
    /// Chains the entries to one another.
    public internal(set) var hash: Data?

    /// Creates an entry.
    ///
    /// `target` is the request's target as it came; ``RedactedPath`` takes out what may be secret.
    public init(time: Date, requestId: String, method: String, target: String, status: Int, outcome: Outcome) {
        self.time = time
        self.requestId = requestId
        self.method = method
        self.path = RedactedPath.of(target)
        self.status = status
        self.outcome = outcome
        self.bytesIn = 0
        self.bytesOut = 0
        self.durationMs = 0
        self.timings = Timings()
    }

    /// Takes a path that was redacted when it was written.
    init(time: Date, requestId: String, method: String, redactedPath: String, status: Int, outcome: Outcome) {
        self.init(time: time, requestId: requestId, method: method, target: "", status: status, outcome: outcome)
        self.path = redactedPath
    }

    /// The longest text of a field that a caller chooses, in bytes.
    static let longestText = 1024

    /// Cuts what a caller chose to ``longestText`` and takes control characters out of it.
    var bounded: LogEntry {
        func bound(_ text: String?) -> String? { text.map { RedactedPath.bounded($0, toBytes: Self.longestText) } }
        var entry = self
        entry.requestId = bound(self.requestId) ?? ""
        entry.method = bound(self.method) ?? ""
        entry.caller = bound(self.caller)
        entry.sessionId = bound(self.sessionId)
        entry.downloadId = bound(self.downloadId)
        entry.address = bound(self.address)
        entry.userAgent = bound(self.userAgent)
        return entry
    }
}
