// SPDX-License-Identifier: Apache-2.0

import CryptoExtras
import Crypto
import Foundation

/// Signatures that are not libjwt's: shared secrets, and the tokens that it does not read.
extension JWTToken {
    /// Verifies HS; compared in constant time.
    func isSigned(with secret: SymmetricKey) -> Bool {
        switch self.algorithm {
        case .hs256: self.isMAC(by: secret, SHA256.self)
        case .hs384: self.isMAC(by: secret, SHA384.self)
        case .hs512: self.isMAC(by: secret, SHA512.self)
        default: false
        }
    }

    private func isMAC<Hash: HashFunction>(by secret: SymmetricKey, _: Hash.Type) -> Bool {
        HMAC<Hash>.isValidAuthenticationCode(self.signature, authenticating: Data(self.signedText.utf8), using: secret)
    }

    /// Verifies RS and ES with swift-crypto; the key must fit the algorithm.
    func isSigned(with key: PublicKeyPEM) -> Bool {
        let text = Data(self.signedText.utf8)
        switch self.algorithm {
        case .rs256: return self.isRSA(by: key, SHA256.hash(data: text))
        case .rs384: return self.isRSA(by: key, SHA384.hash(data: text))
        case .rs512: return self.isRSA(by: key, SHA512.hash(data: text))
        case .es256:
            guard let key = try? P256.Signing.PublicKey(pemRepresentation: key.text),
                let signature = try? P256.Signing.ECDSASignature(rawRepresentation: self.signature)
            else { return false }
            return key.isValidSignature(signature, for: text)
        case .es384:
            guard let key = try? P384.Signing.PublicKey(pemRepresentation: key.text),
                let signature = try? P384.Signing.ECDSASignature(rawRepresentation: self.signature)
            else { return false }
            return key.isValidSignature(signature, for: text)
        case .es512:
            guard let key = try? P521.Signing.PublicKey(pemRepresentation: key.text),
                let signature = try? P521.Signing.ECDSASignature(rawRepresentation: self.signature)
            else { return false }
            return key.isValidSignature(signature, for: text)
        case .hs256, .hs384, .hs512: return false
        }
    }

    private func isRSA(by key: PublicKeyPEM, _ digest: some Digest) -> Bool {
        guard let key = try? _RSA.Signing.PublicKey(pemRepresentation: key.text) else { return false }
        let signature = _RSA.Signing.RSASignature(rawRepresentation: self.signature)
        return key.isValidSignature(signature, for: digest, padding: .insecurePKCS1v1_5)
    }
}
