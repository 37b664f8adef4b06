// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation

/// Seals what must not stand in the store as it is: AES-256-GCM under a key that is derived from one master secret.
///
/// Each sealed value is bound to its ``Place``: anywhere else it cannot be opened.
struct Sealer: Sendable {
    /// What a sealed value is and where it belongs; authenticated with it.
    struct Place: Hashable, Sendable {
        private let parts: [String]

        /// `purpose` names kind and version of the value.
        init(_ purpose: String, _ parts: String...) { self.parts = [purpose] + parts }

        /// Each part with its length in front: no two places give the same bytes.
        fileprivate var bytes: Data { Data(self.parts.map { "\($0.utf8.count):\($0)" }.joined().utf8) }
    }

    /// See ``MasterSecret``.
    let masterID: String
    private let key: SymmetricKey

    init(master: SymmetricKey) {
        self.masterID = MasterSecret.id(of: master)
        self.key = MasterSecret.derive(master, for: "upstream credentials v1")
    }

    /// Nonce, sealed bytes and tag.
    func seal(_ bytes: Data, at place: Place) throws -> Data {
        let box = try AES.GCM.seal(bytes, using: self.key, authenticating: place.bytes)
        // The standard nonce is always combined.
        guard let combined = box.combined else { throw CryptoKitError.incorrectParameterSize }
        return combined
    }

    /// The bytes; `nil` where they were sealed under another master secret or for another place, or were altered.
    func open(_ sealed: Data, at place: Place) -> Data? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed) else { return nil }
        return try? AES.GCM.open(box, using: self.key, authenticating: place.bytes)
    }
}
