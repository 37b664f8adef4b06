// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import NIOCore
import NIOConcurrencyHelpers

/// Checks Vagon's `Authorization: HMAC {key}:{signature}:{nonce}:{timestamp}`; a nonce is good for one request.
final class VagonSignature: Sendable {
    private let keys: SimulatedKeys
    private let now: SimulatorClock
    private let nonces = NIOLockedValueBox<Set<String>>([])

    init(keys: SimulatedKeys, now: @escaping SimulatorClock) {
        self.keys = keys
        self.now = now
    }

    /// The key that a request shows.
    static func key(of request: SimulatedRequest) -> String? {
        request.authorization("HMAC").map { String($0.prefix { $0 != ":" }) }
    }

    /// What is wrong with a request's signature; `nil` if nothing.
    func fault(of request: SimulatedRequest) -> String? {
        guard let field = request.authorization("HMAC") else { return "no HMAC" }
        let parts = field.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, let secret = self.keys.field("secret", of: parts[0]) else { return "unknown key" }
        let (signature, nonce, timestamp) = (parts[1], parts[2], parts[3])
        guard let milliseconds = Int64(timestamp), abs(milliseconds - self.now().unixMilliseconds) <= 300_000 else {
            return "timestamp out of bounds"
        }
        // Key, method, path without the query, timestamp, nonce, body; nothing in between.
        let payload =
            Data((parts[0] + request.method + request.path + timestamp + nonce).utf8)
            + Data(request.body.readableBytesView)
        let expected = HMAC<SHA256>.authenticationCode(for: payload, using: SymmetricKey(data: Data(secret.utf8)))
        guard expected.hex == signature else { return "wrong signature" }
        guard nonce.count >= 8, self.nonces.withLockedValue({ $0.insert(nonce).inserted }) else {
            return "nonce used before"
        }
        return nil
    }
}
