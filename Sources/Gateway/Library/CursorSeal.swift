// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation

/// Makes and reads the opaque text of cursors, bound to the question that they belong to.
struct CursorSeal: Sendable {
    private let key: SymmetricKey
    private static let tagBytes = 16

    /// Cursors of one `purpose` are none of another.
    init(secret: SymmetricKey, purpose: String) {
        self.key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret,
            info: Data("sluice \(purpose) cursor v1".utf8),
            outputByteCount: 32
        )
    }

    /// The text of a cursor to `body` in the answers to `question`.
    func text(of body: Data, for question: String) -> String {
        Base64URL.encode(self.tag(of: body, for: question) + body)
    }

    /// What a text stands for; `nil` for one that was made by another gateway, or for another question.
    func body(in text: String, for question: String) -> Data? {
        guard text.utf8.count <= 4096, let data = Base64URL.decode(text.utf8), data.count > Self.tagBytes else {
            return nil
        }
        let body = Data(data.dropFirst(Self.tagBytes))
        let expected = self.tag(of: body, for: question)
        let difference = zip(expected, data.prefix(Self.tagBytes)).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        return difference == 0 ? body : nil
    }

    private func tag(of body: Data, for question: String) -> Data {
        var authenticator = HMAC<SHA256>(key: self.key)
        authenticator.update(data: Data(question.utf8))
        authenticator.update(data: body)
        return Data(authenticator.finalize()).prefix(Self.tagBytes)
    }
}
