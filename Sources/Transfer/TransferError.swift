// SPDX-License-Identifier: Apache-2.0

/// Why a transfer failed.
public struct TransferError: Error, Sendable {
    /// What callers branch on.
    public enum Kind: Hashable, Sendable {
        /// Not an absolute http or https URL, or with credentials, or with a forbidden character.
        case invalidURL
        /// The egress policy refused the resolved address; the named reason is fit for logs and metrics.
        case addressRefused(reason: String)
        /// The name did not resolve, or nothing accepted the connection.
        case connectFailed
        /// The certificate or the handshake was refused.
        case tlsFailed
        /// The connection was not made in time.
        case connectTimeout
        /// No first byte in time.
        case firstByteTimeout
        /// The bytes stopped coming.
        case idleTimeout
        /// The answer is no HTTP, or its framing contradicts itself.
        case malformed
        /// The connection broke, or closed before the promised length.
        case incomplete
        /// More redirects than allowed, or one without a target.
        case tooManyRedirects
        /// More bytes than the caller wanted to hold.
        case tooLarge
        /// The task was cancelled, or the body was let go.
        case cancelled
        /// The client is shut down.
        case closed
    }

    /// What happened.
    public var kind: Kind
    /// For the log: libcurl's own words; may name a host, holds no header and no query.
    public var detail: String

    /// Creates an error.
    public init(_ kind: Kind, detail: String = "") {
        self.kind = kind
        self.detail = detail
    }
}
