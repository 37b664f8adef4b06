// SPDX-License-Identifier: Apache-2.0

import CJWT
import Crypto
public import Downloads
public import Foundation
public import Logging

/// Verifies bearer tokens of the configured issuers.
///
/// The issuer that a token *claims* finds the settings; they alone decide about key and algorithm, and only then is a
/// signature looked at. RS and ES are verified by libjwt, HS in constant time by swift-crypto, for libjwt before 1.17
/// compares them byte by byte. This is the only file that knows libjwt.
public struct JWTVerifier: Sendable {
    /// What a signature is verified with.
    ///
    /// libjwt alone would take a public key's text for an HMAC secret.
    private enum Key: Sendable {
        case secret(SymmetricKey)
        case publicKey(PublicKeyPEM)
        case keySet(JWKSetCache)
    }

    private struct Trusted: Sendable {
        let settings: JWTIssuer
        let key: Key
    }

    private let issuers: [String: Trusted]

    /// Takes the issuers; nothing is fetched yet.
    ///
    /// Throws the first of their problems (``JWTIssuer/problems(at:)`` gives all).
    public init(
        _ issuers: [JWTIssuer],
        fetch: KeyFetch,
        logger: Logger,
        instant: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) throws(FieldProblem) {
        let surroundings = JWKSetCache.Surroundings(logger: logger, instant: instant, sleep: sleep)
        var trusted: [String: Trusted] = [:]
        for (index, issuer) in issuers.enumerated() {
            let path = "auth.jwt[\(index)]"
            if let problem = issuer.problems(at: path).first { throw problem }
            guard trusted[issuer.issuer] == nil else {
                throw FieldProblem(field: "\(path).issuer", message: "is there twice")
            }
            let key: Key
            switch issuer.key {
            case .secret(let secret): key = .secret(SymmetricKey(data: Data(secret.reveal().utf8)))
            case .publicKeyPEM(let text):
                guard let pem = PublicKeyPEM(text) else { continue }
                key = .publicKey(pem)
            case .keySet(let location):
                let loader = JWKSetLoader(issuer: issuer, location: location, fetch: fetch)
                key = .keySet(JWKSetCache(loader, surroundings))
            }
            trusted[issuer.issuer] = Trusted(settings: issuer, key: key)
        }
        self.issuers = trusted
    }

    /// Whether a bearer value is to be taken for a token: it has two dots.
    public static func isToken(_ value: String) -> Bool { value.utf8.count { $0 == UInt8(ascii: ".") } == 2 }

    /// The caller that a token vouches for.
    ///
    /// Throws ``JWTRefusal/expired`` only for a token that is right in all else, so that nobody learns more from a forged one.
    public func verify(_ token: String, now: Date) async throws(JWTRefusal) -> Caller {
        let token = try JWTToken(token)
        guard let name = token.claimedIssuer, let issuer = self.issuers[name] else { throw .invalid("unknown issuer") }
        guard issuer.settings.algorithms.contains(token.algorithm) else { throw .invalid("not the issuer's algorithm") }
        guard try await Self.isSigned(token, by: issuer.key) else { throw .invalid("signature is wrong") }
        let claims = try JWTClaims(token.claims, of: issuer.settings, now: now)
        return Caller(
            .token(issuer: issuer.settings.issuer, subject: claims.subject),
            displayName: claims.subject,
            scopes: claims.scopes,
            providers: claims.providers,
            sessions: claims.sessions,
            expiresAt: claims.expiresAt
        )
    }

    // MARK: Published keys

    /// Starts loading published keys that are not there or old; does not wait.
    func refreshKeys() {
        for case .keySet(let keys) in self.issuers.values.map(\.key) { keys.refresh() }
    }

    /// What came of loading an issuer's keys.
    public struct KeyTest: Encodable, Sendable {
        /// The issuer.
        public let issuer: String
        /// `ok` or `failed`.
        public let state: String
        /// How many keys can be used.
        public let keys: Int
        /// Why it failed.
        public let message: String?
    }

    /// Loads every issuer's keys once, for the operator; in the order of their names.
    public func testKeys() async -> [KeyTest] {
        var tests: [KeyTest] = []
        for (name, issuer) in self.issuers.sorted(by: { $0.key < $1.key }) {
            var count = 1
            var message: String?
            if case .keySet(let keys) = issuer.key {
                do throws(JWKSetError) { count = try await keys.test() } catch { (count, message) = (0, error.message) }
            }
            let state = message == nil ? "ok" : "failed"
            tests.append(KeyTest(issuer: name, state: state, keys: count, message: message))
        }
        return tests
    }

    // MARK: Signatures

    private static func isSigned(_ token: JWTToken, by key: Key) async throws(JWTRefusal) -> Bool {
        switch key {
        case .secret(let secret): return token.isSigned(with: secret)
        case .publicKey(let pem): return Self.isSigned(token, by: pem)
        case .keySet(let keys):
            guard let pem = await keys.key(token.keyID, for: token.algorithm) else {
                throw .invalid("key is not known")
            }
            return Self.isSigned(token, by: pem)
        }
    }

    private static func isSigned(_ token: JWTToken, by pem: PublicKeyPEM) -> Bool {
        guard token.algorithm.fits(pem.kind) else { return false }
        // libjwt refuses every `typ` but JWT.
        guard !token.isAccessToken else { return token.isSigned(with: pem) }
        // A text with a NUL would end early in C; JWTToken let through nothing but base64url and dots.
        let key = Array(pem.text.utf8)
        var decoded: OpaquePointer?
        let result = jwt_decode(&decoded, token.text, key, Int32(truncatingIfNeeded: key.count))
        guard result == 0, let decoded else { return false }
        defer { jwt_free(decoded) }
        // libjwt read the header too: it must have come to the same algorithm.
        return jwt_get_alg(decoded) == token.algorithm.inLibjwt
    }
}

extension JWTAlgorithm {
    fileprivate var inLibjwt: jwt_alg_t {
        switch self {
        case .rs256: JWT_ALG_RS256
        case .rs384: JWT_ALG_RS384
        case .rs512: JWT_ALG_RS512
        case .es256: JWT_ALG_ES256
        case .es384: JWT_ALG_ES384
        case .es512: JWT_ALG_ES512
        case .hs256: JWT_ALG_HS256
        case .hs384: JWT_ALG_HS384
        case .hs512: JWT_ALG_HS512
        }
    }
}
