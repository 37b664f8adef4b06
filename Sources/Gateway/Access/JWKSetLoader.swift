// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Brings an issuer's keys from where it publishes them; keeps nothing.
struct JWKSetLoader: Sendable {
    let issuer: JWTIssuer
    let location: JWKSetLocation
    let fetch: KeyFetch

    /// The keys as they are now.
    func load() async throws(JWKSetError) -> JWKSet {
        let algorithms = self.issuer.algorithms
        switch self.location {
        case .file(let path): return try JWKSet(file: path, for: algorithms)
        case .url(let url): return try JWKSet(try await self.fetch.run(url, url), for: algorithms)
        case .discovery:
            let url = try await self.discoveredURL()
            return try JWKSet(try await self.fetch.run(url, self.issuer.issuer), for: algorithms)
        }
    }

    /// The `jwks_uri` of the issuer's own document (OpenID Connect Discovery 1.0, 4).
    private func discoveredURL() async throws(JWKSetError) -> String {
        let issuer = self.issuer.issuer
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        let document = try await self.fetch.run(base + "/.well-known/openid-configuration", issuer)
        guard document.count <= KeyFetch.mostBytes, case .object(let members)? = StrictJSON.parse(document) else {
            throw JWKSetError("The discovery document is no JSON object.")
        }
        guard case .string(let named)? = members["issuer"], named.utf8.elementsEqual(issuer.utf8) else {
            throw JWKSetError("The discovery document is another issuer's.")
        }
        guard case .string(let url)? = members["jwks_uri"] else {
            throw JWKSetError("The discovery document has no 'jwks_uri'.")
        }
        // Plain http is the operator's decision, not the document's.
        guard url.hasPrefix("https://") || (url.hasPrefix("http://") && issuer.hasPrefix("http://")) else {
            throw JWKSetError("The discovery document's 'jwks_uri' is not https.")
        }
        return url
    }
}

extension JWKSet {
    /// Reads a file.
    init(file path: String, for algorithms: [JWTAlgorithm]) throws(JWKSetError) {
        // One byte more than allowed tells a file that is too large.
        guard let file = FileHandle(forReadingAtPath: path),
            let bytes = try? file.read(upToCount: KeyFetch.mostBytes + 1)
        else { throw JWKSetError("The file '\(path)' cannot be read.") }
        try self.init(Array(bytes), for: algorithms)
    }
}
