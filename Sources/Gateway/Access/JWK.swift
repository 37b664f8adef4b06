// SPDX-License-Identifier: Apache-2.0

import CryptoExtras
import Crypto
import Downloads
import Foundation

/// A key of a JWKS that can verify an issuer's tokens (RFC 7517, 4; RFC 7518, 6).
struct JWK: Sendable {
    /// The bytes of `kid`: two texts that Swift holds for equal are not the same name.
    let id: [UInt8]?
    let key: PublicKeyPEM
    private let algorithms: [JWTAlgorithm]

    /// Members that a public key does not have; `k` is a shared secret.
    private static let secretMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    /// Reads a key; `nil` where it is malformed, or not one for signatures by `allowed` algorithms.
    init?(_ value: JSONValue, for allowed: [JWTAlgorithm]) {
        guard case .object(let members) = value, Self.secretMembers.allSatisfy({ members[$0] == nil }),
            Self.isForVerifying(members), let key = Self.key(members), key.kind.isStrong
        else { return nil }
        switch members["kid"] {
        case .string(let id)?: self.id = Array(id.utf8)
        case nil: self.id = nil
        default: return nil
        }
        let name = members["alg"]
        self.algorithms = allowed.filter { $0.fits(key.kind) && (name == nil || name == .string($0.rawValue)) }
        guard !self.algorithms.isEmpty else { return nil }
        self.key = key
    }

    /// Whether a token of this algorithm may be verified with it.
    func verifies(_ algorithm: JWTAlgorithm) -> Bool { self.algorithms.contains(algorithm) }

    private static func isForVerifying(_ members: [String: JSONValue]) -> Bool {
        guard members["use"] ?? "sig" == "sig" else { return false }
        guard let operations = members["key_ops"] else { return true }
        guard case .array(let names) = operations else { return false }
        return names.contains("verify")
    }

    private static func key(_ members: [String: JSONValue]) -> PublicKeyPEM? {
        func bytes(_ name: String) -> [UInt8]? {
            guard case .string(let text)? = members[name] else { return nil }
            return Base64URL.decode(text.utf8)
        }
        switch members["kty"] {
        case "RSA":
            guard let modulus = bytes("n"), let exponent = bytes("e") else { return nil }
            return PublicKeyPEM(modulus: modulus, exponent: exponent)
        case "EC":
            guard case .string(let curve)? = members["crv"], let x = bytes("x"), let y = bytes("y") else { return nil }
            return PublicKeyPEM(curve: curve, x: x, y: y)
        default: return nil
        }
    }
}

extension PublicKeyPEM {
    /// An RSA key of its numbers, most significant byte first (RFC 7518, 6.3.1).
    fileprivate init?(modulus: [UInt8], exponent: [UInt8]) {
        // An exponent of more than 64 bits is nobody's, and slow.
        guard (256...2048).contains(modulus.count), (1...8).contains(exponent.count),
            let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent)
        else { return nil }
        self.init(key.pemRepresentation)
    }

    /// A point of a curve, its coordinates of the exact length (RFC 7518, 6.2.1); `nil` for one beside the curve.
    fileprivate init?(curve: String, x: [UInt8], y: [UInt8]) {
        let length = ["P-256": 32, "P-384": 48, "P-521": 66][curve]
        guard x.count == length, y.count == length else { return nil }
        let pem =
            switch curve {
            case "P-256": try? P256.Signing.PublicKey(rawRepresentation: x + y).pemRepresentation
            case "P-384": try? P384.Signing.PublicKey(rawRepresentation: x + y).pemRepresentation
            default: try? P521.Signing.PublicKey(rawRepresentation: x + y).pemRepresentation
            }
        guard let pem else { return nil }
        self.init(pem)
    }
}
