// SPDX-License-Identifier: Apache-2.0

/// Why an issuer's keys could not be had.
public struct JWKSetError: Error, Hashable, Sendable {
    /// For the operator; holds no secret.
    public var message: String

    /// Creates an error.
    public init(_ message: String) { self.message = message }
}
