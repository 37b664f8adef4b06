// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import NIOCore

/// A Vagon API key with its secret: signs requests (docs.vagon.io, "How to use Teams API"; providers.md, 4.1).
struct VagonKey: Hashable, Sendable {
    let apiKey: Secret
    let secret: Secret

    /// The `Authorization` field of one call; `nonce` and `time` must be new for each try.
    func sign(_ call: UpstreamCall, basePath: String, nonce: String, time: Date) -> HTTPFields {
        let timestamp = String(Int64(exactly: (time.timeIntervalSince1970 * 1000).rounded(.down)) ?? 0)
        let signature = self.signature(
            method: call.method.rawValue,
            path: basePath + call.path,
            timestamp: timestamp,
            nonce: nonce,
            body: call.body.map { Data($0.readableBytesView) } ?? Data()
        )
        return HTTPFields(
            credential: "Authorization",
            "HMAC \(self.apiKey.reveal()):\(signature):\(nonce):\(timestamp)"
        )
    }

    /// HMAC-SHA-256 over key, method, path without query, timestamp, nonce and the body's exact bytes, in lower-case hex.
    func signature(method: String, path: String, timestamp: String, nonce: String, body: Data) -> String {
        let payload = Data((self.apiKey.reveal() + method.uppercased() + path + timestamp + nonce).utf8) + body
        let key = SymmetricKey(data: Data(self.secret.reveal().utf8))
        return HMAC<SHA256>.authenticationCode(for: payload, using: key).hexadecimal
    }
}
