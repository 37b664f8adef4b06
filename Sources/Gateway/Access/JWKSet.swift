// SPDX-License-Identifier: Apache-2.0

import Downloads

/// The keys that an issuer published, as far as they can verify its tokens (RFC 7517, 5).
struct JWKSet: Sendable {
    private static let mostKeys = 100

    private let keys: [JWK]
    private let byID: [[UInt8]: [JWK]]

    /// How many can be used.
    var count: Int { self.keys.count }

    /// Reads a document; keys that cannot be used are left out, and so are different ones with the same `kid`.
    ///
    /// Throws where it is no JWKS, too large, or has no key that can be used: such a document must not replace a good one.
    init(_ document: [UInt8], for algorithms: [JWTAlgorithm]) throws(JWKSetError) {
        guard document.count <= KeyFetch.mostBytes else { throw JWKSetError("The key set is larger than 1 MiB.") }
        guard case .object(let members)? = StrictJSON.parse(document), case .array(let values)? = members["keys"] else {
            throw JWKSetError("The key set is no JSON object with 'keys'.")
        }
        guard values.count <= Self.mostKeys else { throw JWKSetError("The key set has more than 100 keys.") }
        let readable = values.compactMap { JWK($0, for: algorithms) }
        let groups = Dictionary(grouping: readable.filter { $0.id != nil }) { $0.id ?? [] }
        self.byID = groups.filter { _, keys in Set(keys.map(\.key)).count == 1 }
        self.keys = readable.filter { $0.id == nil } + self.byID.values.joined()
        guard !self.keys.isEmpty else {
            throw JWKSetError("None of the \(values.count) keys can verify a token of the issuer's algorithms.")
        }
    }

    /// The key for a token of this header; without `kid` the only one that fits the algorithm.
    func key(_ id: String?, for algorithm: JWTAlgorithm) -> PublicKeyPEM? {
        let candidates = id.map { self.byID[Array($0.utf8)] ?? [] } ?? self.keys
        let fitting = Set(candidates.filter { $0.verifies(algorithm) }.map(\.key))
        return fitting.count == 1 ? fitting.first : nil
    }
}
