// SPDX-License-Identifier: Apache-2.0

public import Crypto
public import Downloads
import Foundation
import NIOConcurrencyHelpers

/// Keeps what the store must not show, and knows the two keys that a store hangs on.
///
/// The *root* is what stored digests, ids, cursors and the log hang on: it is the first master secret of a store, and stays
/// what it is. The *master secret* seals the root and all upstream credentials, and can be exchanged (``VaultRotation``),
/// also while a gateway runs: that one learns of it when it has something to seal.
public final class Vault: Sendable {
    /// What pepper, ids, cursors and the log's chain are derived from.
    public let root: SymmetricKey

    static let rootPlace = Sealer.Place("root v1")

    let source: MasterSource
    private let current: NIOLockedValueBox<Sealer>
    private let originKey: SymmetricKey

    private init(root: SymmetricKey, sealer: Sealer, source: MasterSource) {
        self.root = root
        self.source = source
        self.current = NIOLockedValueBox(sealer)
        self.originKey = MasterSecret.derive(root, for: "credential origin v1")
    }

    /// Opens the vault of a store with the configured master secret, else the one in `<storage>/secret.key`.
    ///
    /// Throws ``MasterSecret/Failure``, `wrongMaster` among them, rather than work with a secret that the store does not
    /// hang on. An exchange of the file that was broken off is ended.
    public static func open(_ store: Store, configured: Secret?) async throws -> Vault {
        let source = MasterSource(configured: configured, storage: store.directory)
        let table = VaultTable(store)
        let row: VaultTable.Row
        if let known = try await table.row() {
            row = known
        } else {
            let master = try source.first()
            let sealer = Sealer(master: master)
            let root = try sealer.seal(master.withUnsafeBytes { Data($0) }, at: Self.rootPlace)
            row = try await table.insertIfFirst(VaultTable.Row(masterID: sealer.masterID, root: root))
        }
        let sealer = Sealer(master: try source.master(row.masterID))
        try source.promote(row.masterID)
        guard let root = sealer.open(row.root, at: Self.rootPlace) else {
            throw MasterSecret.Failure.wrongMaster(place: source.place)
        }
        return Vault(root: SymmetricKey(data: root), sealer: sealer, source: source)
    }

    /// The sealer under the master secret that this process last knew.
    var sealer: Sealer { self.current.withLockedValue { $0 } }

    /// The sealer under the master secret with this id, which the store names.
    ///
    /// Throws `wrongMaster` where it was exchanged and this process cannot know the new one.
    func sealer(for masterID: String) throws(MasterSecret.Failure) -> Sealer {
        let known = self.sealer
        guard known.masterID != masterID else { return known }
        let sealer = Sealer(master: try self.source.master(masterID))
        self.current.withLockedValue { $0 = sealer }
        return sealer
    }

    /// Stands for an origin in the store: at some upstreams the host name itself is a secret.
    func digest(ofOrigin origin: String) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(origin.utf8), using: self.originKey))
    }
}
