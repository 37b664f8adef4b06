// SPDX-License-Identifier: Apache-2.0

import CJWT
import Crypto
public import Downloads
public import Foundation

/// Verifies bearer tokens of the configured issuers.
///
/// The issuer that a token *claims* finds the settings; they alone decide about key and algorithm, and only then is a
/// signature looked at. RS and ES are verified by libjwt, HS in constant time by swift-crypto, for libjwt before 1.17
/// compares them byte by byte. This is the only file that knows libjwt; keys that change (JWKS) will come in where
/// ``Key`` is made.
public struct JWTVerifier: Sendable {
    /// What a signature is verified with.
    ///
    /// libjwt alone would take a public key's text for an HMAC secret.
    private enum Key: Sendable {
        case secret(SymmetricKey)
        case publicKey(PublicKeyPEM)
    }

    private struct Trusted: Sendable {
        let settings: JWTIssuer
        let key: Key
    }

    private let issuers: [String: Trusted]

    /// Takes the issuers; throws the first of their problems (``JWTIssuer/problems(at:)`` gives all).
    public init(_ issuers: [JWTIssuer]) throws(FieldProblem) {
        var trusted: [String: Trusted] = [:]
        for (index, issuer) in issuers.enumerated() {
            let path = "auth.jwt[\(index)]"
            if let problem = issuer.problems(at: path).first { throw problem }
            guard trusted[issuer.issuer] == nil else {
                throw FieldProblem(field: "\(path).issuer", message: "is there twice")
            }
            switch issuer.key {
            case .secret(let secret):
                let key = SymmetricKey(data: Data(secret.reveal().utf8))
                trusted[issuer.issuer] = Trusted(settings: issuer, key: .secret(key))
            case .publicKeyPEM(let text):
                guard let pem = PublicKeyPEM(text) else { continue }
                trusted[issuer.issuer] = Trusted(settings: issuer, key: .publicKey(pem))
            }
        }
        self.issuers = trusted
    }

    /// Whether a bearer value is to be taken for a token: it has two dots.
    public static func isToken(_ value: String) -> Bool { value.utf8.count { $0 == UInt8(ascii: ".") } == 2 }

    /// The caller that a token vouches for.
    ///
    /// Throws ``JWTRefusal/expired`` only for a token that is right in all else, so that nobody learns more from a forged one.
    public func verify(_ token: String, now: Date) throws(JWTRefusal) -> Caller {
        let token = try JWTToken(token)
        guard let name = token.claimedIssuer, let issuer = self.issuers[name] else { throw .invalid("unknown issuer") }
        guard issuer.settings.algorithms.contains(token.algorithm) else { throw .invalid("not the issuer's algorithm") }
        guard Self.isSigned(token, by: issuer.key) else { throw .invalid("signature is wrong") }
        let claims = try JWTClaims(token.claims, of: issuer.settings, now: now)
        return Caller(
            .token(issuer: issuer.settings.issuer, subject: claims.subject),
            displayName: claims.subject,
            scopes: claims.scopes,
            providers: claims.providers,
            expiresAt: claims.expiresAt
        )
    }

    private static func isSigned(_ token: JWTToken, by key: Key) -> Bool {
        switch (key, token.algorithm) {
        case (.secret(let key), .hs256): Self.isMAC(of: token, by: key, SHA256.self)
        case (.secret(let key), .hs384): Self.isMAC(of: token, by: key, SHA384.self)
        case (.secret(let key), .hs512): Self.isMAC(of: token, by: key, SHA512.self)
        case (.publicKey(let pem), let algorithm): algorithm.fits(pem.kind) && Self.isSigned(token, by: pem)
        case (.secret, _): false
        }
    }

    private static func isMAC<Hash: HashFunction>(of token: JWTToken, by key: SymmetricKey, _: Hash.Type) -> Bool {
        HMAC<Hash>.isValidAuthenticationCode(token.signature, authenticating: Data(token.signedText.utf8), using: key)
    }

    private static func isSigned(_ token: JWTToken, by pem: PublicKeyPEM) -> Bool {
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
