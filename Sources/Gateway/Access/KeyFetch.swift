// SPDX-License-Identifier: Apache-2.0

/// Fetches a document that an issuer publishes; what the gateway needs of the transfers.
public struct KeyFetch: Sendable {
    /// Asks `url` and answers the whole body of a success.
    ///
    /// `configured` is the URL that the operator wrote: its origin is trusted, what lies elsewhere is judged by the egress policy.
    /// The body must be bounded by ``mostBytes``. A cancelled task ends the fetch.
    public typealias Work = @Sendable (_ url: String, _ configured: String) async throws(JWKSetError) -> [UInt8]

    /// The most bytes of a document.
    public static let mostBytes = 1 << 20

    let run: Work

    /// Takes what fetches.
    public init(_ run: @escaping Work) { self.run = run }
}
