// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import NIOCore
import NIOConcurrencyHelpers

/// Checks Vagon's `Authorization: HMAC {key}:{signature}:{nonce}:{timestamp}`; a nonce is good for one request.
final class VagonSignature: Sendable {
    private let key: String
    private let secret: SymmetricKey
    private let now: SimulatorClock
    private let nonces = NIOLockedValueBox<Set<String>>([])

    init(key: String, secret: String, now: @escaping SimulatorClock) {
        self.key = key
        self.secret = SymmetricKey(data: Data(secret.utf8))
        self.now = now
    }

    /// What is wrong with a request's signature; `nil` if nothing.
    func fault(of request: SimulatedRequest) -> String? {
        guard let field = request.header("Authorization"), field.hasPrefix("HMAC ") else { return "no HMAC" }
        let parts = field.dropFirst(5).split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == self.key else { return "unknown key" }
        let (signature, nonce, timestamp) = (parts[1], parts[2], parts[3])
        guard let milliseconds = Int64(timestamp), abs(milliseconds - self.now().unixMilliseconds) <= 300_000 else {
            return "timestamp out of bounds"
        }
        // Key, method, path without the query, timestamp, nonce, body; nothing in between.
        let payload =
            Data((self.key + request.method + request.path + timestamp + nonce).utf8)
            + Data(request.body.readableBytesView)
        let expected = HMAC<SHA256>.authenticationCode(for: payload, using: self.secret)
        guard expected.hex == signature else { return "wrong signature" }
        guard nonce.count >= 8, self.nonces.withLockedValue({ $0.insert(nonce).inserted }) else {
            return "nonce used before"
        }
        return nil
    }
}
