// SPDX-License-Identifier: Apache-2.0

/// Scheme, host and port of a URL: the unit that a credential is bound to (RFC 6454).
public struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// `http` or `https`.
    public let scheme: String
    /// The host as libcurl reads it: lower case, no brackets, no trailing dot.
    public let host: String
    /// The port, also where it is the scheme's own.
    public let port: Int

    /// The origin of an absolute http or https URL, read by libcurl's own parser; `nil` for anything else.
    public init?(of url: String) {
        guard let target = try? TargetURL(url) else { return nil }
        self = target.origin
    }

    init(scheme: String, host: String, port: Int) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    /// `https://host:port`.
    public var description: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.scheme)://\(host):\(self.port)"
    }
}
