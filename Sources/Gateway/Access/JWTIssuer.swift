// SPDX-License-Identifier: Apache-2.0

public import Downloads
import Foundation

/// A signature algorithm that an issuer can be pinned to (RFC 7518, 3.1).
///
/// There is no `none`.
public enum JWTAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    case rs384 = "RS384"
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    case rs512 = "RS512"
    /// ECDSA on P-256 with SHA-256.
    case es256 = "ES256"
    /// ECDSA on P-384 with SHA-384.
    case es384 = "ES384"
    /// ECDSA on P-521 with SHA-512.
    case es512 = "ES512"
    /// HMAC with SHA-256.
    case hs256 = "HS256"
    /// HMAC with SHA-384.
    case hs384 = "HS384"
    /// HMAC with SHA-512.
    case hs512 = "HS512"

    /// The fewest bytes of a shared secret (RFC 7518, 3.2); `nil` where the key is a public one.
    var secretBytes: Int? {
        switch self {
        case .hs256: 32
        case .hs384: 48
        case .hs512: 64
        default: nil
        }
    }

    func fits(_ kind: PublicKeyPEM.Kind) -> Bool {
        switch (self, kind) {
        case (.rs256, .rsa), (.rs384, .rsa), (.rs512, .rsa): true
        case (.es256, .p256), (.es384, .p384), (.es512, .p521): true
        default: false
        }
    }
}

/// Where a JWKS (RFC 7517, 5) is.
public enum JWKSetLocation: Hashable, Sendable {
    /// A file, by its path.
    case file(String)
    /// A URL that the operator configured.
    case url(String)
    /// Where the issuer's own discovery document says.
    case discovery

    var isRemote: Bool { if case .file = self { false } else { true } }
}

/// Somebody whose tokens are believed, and by which key and algorithms: `auth.jwt` in the configuration.
public struct JWTIssuer: Hashable, Sendable {
    /// Where the key is from.
    ///
    /// A public key and a shared secret are never taken for one another.
    public enum KeySource: Hashable, Sendable {
        /// A public key as the text of a PEM file (`BEGIN PUBLIC KEY`), for RS and ES.
        case publicKeyPEM(String)
        /// A shared secret, its UTF-8 bytes being the key, for HS.
        case secret(Secret)
        /// The public keys of a JWKS, for RS and ES; they may change while the gateway runs.
        case keySet(JWKSetLocation)
    }

    /// The `iss` claim, exactly.
    public var issuer: String
    /// The `aud` claims of which a token must have one.
    public var audiences: [String]
    /// The only algorithms that its tokens may have.
    public var algorithms: [JWTAlgorithm]
    /// How far its clock may be off.
    public var leeway: Duration
    /// Its key.
    public var key: KeySource

    /// Creates an issuer; what is wrong with it is told by ``problems(at:)``.
    public init(
        issuer: String,
        audiences: [String],
        algorithms: [JWTAlgorithm],
        leeway: Duration = .seconds(60),
        key: KeySource
    ) {
        self.issuer = issuer
        self.audiences = audiences
        self.algorithms = algorithms
        self.leeway = leeway
        self.key = key
    }

    /// Everything that is wrong with these settings; `path` is where they stand, such as `auth.jwt[0]`.
    public func problems(at path: String) -> [FieldProblem] {
        self.settingProblems(at: path)
            + self.keyProblems.map { FieldProblem(field: "\(path).\($0.field)", message: $0.message) }
    }

    /// What is wrong beside the key.
    func settingProblems(at path: String) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        func check(_ isRight: Bool, _ field: String, _ message: String) {
            if !isRight { problems.append(FieldProblem(field: "\(path).\(field)", message: message)) }
        }
        check(!self.issuer.isEmpty, "issuer", "must name the issuer, as its tokens do in 'iss'")
        check(!self.audiences.isEmpty && !self.audiences.contains(""), "audience", "must name who the tokens are for")
        check(!self.algorithms.isEmpty, "algorithms", "must name at least one algorithm")
        check((.zero ... .seconds(3600)).contains(self.leeway), "leeway", "must be from 0s to 1h")
        return problems
    }

    private var keyProblems: [(field: String, message: String)] {
        switch self.key {
        case .secret(let secret): self.problem(with: secret).map { [("secret", $0)] } ?? []
        case .publicKeyPEM(let text): self.problem(withPEM: text).map { [("publicKey", $0)] } ?? []
        case .keySet(let location):
            [
                self.problem(with: location),
                self.algorithms.allSatisfy { $0.secretBytes == nil }
                    ? nil : ("algorithms", "HS256, HS384 and HS512 need a secret; published keys are for RS and ES"),
            ].compactMap(\.self)
        }
    }

    private func problem(with secret: Secret) -> String? {
        let needed = self.algorithms.map { $0.secretBytes ?? .max }.max() ?? 0
        if needed == .max { return "a secret is for HS256, HS384 and HS512 only" }
        return secret.reveal().utf8.count >= needed ? nil : "must be at least \(needed) bytes for this algorithm"
    }

    private func problem(withPEM text: String) -> String? {
        guard let pem = PublicKeyPEM(text) else {
            return "must be one RSA or P-256, P-384, P-521 public key in PEM ('BEGIN PUBLIC KEY')"
        }
        guard pem.kind.isStrong else { return "an RSA key must have 2048 bits or more" }
        return self.algorithms.allSatisfy { $0.fits(pem.kind) } ? nil : "is not a key for these algorithms"
    }

    private func problem(with location: JWKSetLocation) -> (field: String, message: String)? {
        switch location {
        case .file: nil
        case .url(let url):
            Self.isURL(url) ? nil : ("jwks", "must be a file, or an http:// or https:// URL without credentials")
        case .discovery:
            Self.isURL(self.issuer) && !self.issuer.contains("?")
                ? nil : ("issuer", "is no URL at which keys can be discovered: give publicKey, secret or jwks")
        }
    }

    private static func isURL(_ text: String) -> Bool {
        guard let url = URLComponents(string: text, encodingInvalidCharacters: false) else { return false }
        return ["http", "https"].contains(url.scheme) && url.host?.isEmpty == false && url.user == nil
            && url.password == nil && url.fragment == nil
    }
}
