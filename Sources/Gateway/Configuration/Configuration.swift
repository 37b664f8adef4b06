// SPDX-License-Identifier: Apache-2.0

public import Downloads
import Foundation

/// Everything that an operator decides: `config/sluice.yaml` in typed form.
public struct Configuration: Sendable {
    /// The front door.
    public struct Server: Sendable, Hashable {
        /// The address to listen on.
        public var host = "127.0.0.1"
        /// The port to listen on; 0 takes a free one.
        public var port = 8080
        /// What stands in front of the paths in `links`.
        public var publicURL: String?
        /// A client that takes nothing of a body for so long is cut off; seconds.
        public var stallTimeout: Double = 60
        /// A head that is not complete so long after its first byte ends the connection; seconds.
        public var headerTimeout: Double = 10
        /// A connection without a request for so long is closed; seconds.
        public var idleTimeout: Double = 60
        /// A body that comes slower than this, while it is waited for, ends the connection; bytes in a second, 0: no limit.
        public var minBodyRate: Int64 = 1024
        /// How many requests are served at a time.
        public var maxInFlight = 4096
        /// How many connections are open at a time.
        public var maxConnections = 8192
        /// How many of them may come from one address; those of trusted proxies do not count.
        public var maxConnectionsPerAddress = 2048
        /// The most bytes of a head's fields; one alone may have half.
        public var maxHeaderBytes = 32 * 1024
        /// The most fields of a head.
        public var maxHeaders = 100
        /// The longest target of a request, in bytes.
        public var maxTargetBytes = 8192
        /// The most requests of one HTTP/2 connection at a time.
        public var maxStreams = 100
        /// The certificate; `nil`: plain HTTP.
        public var tls: TLSFiles?
        /// The origins whose pages may read answers; `*` is any.
        public var corsOrigins: [String] = []
        /// How long requests may go on when the gateway stops; seconds.
        public var drainTimeout: Double = 600
        /// The proxies that are believed whose request they pass on.
        public var trustedProxies: [AddressRange] = []
    }

    /// Which addresses an upstream's answer may lead to; see the egress policy of the transfers.
    public struct Egress: Sendable, Hashable {
        /// Networks that are allowed although they are private.
        public var allowAddresses: [String] = []
        /// Whether plain http is allowed.
        public var allowHTTP = true
        /// If not empty, the only domains.
        public var allowDomains: [String] = []
        /// Domains that are refused.
        public var blockDomains: [String] = []
        /// How many redirects are followed.
        public var maxRedirects = 5
        /// The most bytes of one fetched URL.
        public var maxBytes: Int64 = 10_000_000_000
    }

    /// When an upstream is given up; seconds.
    public struct Upstream: Sendable, Hashable {
        /// For the connection.
        public var connectTimeout: Double = 5
        /// To the first byte of the answer.
        public var firstByteTimeout: Double = 30
        /// Without a byte, once they flow.
        public var idleTimeout: Double = 30
        /// When a provider is left alone for a while.
        public var breaker = CircuitBreaker.Policy()
    }

    /// How the operator's log on standard error is written.
    public enum LogFormat: String, Sendable, CaseIterable {
        /// For people.
        case text
        /// An object a line.
        case json
    }

    /// The front door.
    public var server = Server()
    /// The folder for everything that is kept.
    public var storagePath = "var"
    /// 32 bytes in base64; `nil`: made in the storage folder.
    public var secretKey: Secret?
    /// Whose tokens are believed.
    public var issuers: [JWTIssuer] = []
    /// The providers, in the order of the file.
    public var providers: [ProviderConfiguration] = []
    /// Which addresses may be asked.
    public var egress = Egress()
    /// The limits of a key that has none of its own.
    public var defaultLimits = RateLimitPolicy.standard
    /// When an upstream is given up.
    public var upstream = Upstream()
    /// How old an answer may be.
    public var freshness = Freshness()
    /// How a list over all sessions is gathered.
    public var fanOut = FanOut()
    /// How large an archive may become.
    public var archives = ArchivePolicy()
    /// How URLs are brought in.
    public var jobs = JobPolicy()
    /// Whether `/metrics` is for anybody; else it takes a key with the scope `metrics:read`.
    public var openMetrics = false
    /// How long log entries are kept; seconds.
    public var logRetention: Double = 90 * 86_400
    /// How the operator's log is written.
    public var logFormat = LogFormat.text

    /// The defaults, without a provider.
    public init() {}
}

/// Everything that is wrong with a configuration, each with its path in the file.
public struct ConfigurationError: Error, CustomStringConvertible {
    /// The faults, in the order of the file.
    public var problems: [FieldProblem]

    /// Creates an error.
    public init(_ problems: [FieldProblem]) { self.problems = problems }

    /// A line for each.
    public var description: String {
        self.problems.map { "\($0.field): \($0.message)" }.joined(separator: "\n")
    }
}
