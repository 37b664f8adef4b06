// SPDX-License-Identifier: Apache-2.0

import Crypto
public import Downloads
import Foundation

/// Exchanges the master secret of a store, with or without a running gateway.
///
/// Broken off at any point, the store opens with the old master secret or with the new one: what is not used yet lies beside
/// the old file, and one transaction decides.
public struct VaultRotation: Sendable {
    /// Why the master secret was not exchanged.
    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The master secret is in the configuration, and nobody said what the next one is.
        case noReplacement
        /// The next one is the one in use.
        case sameSecret

        /// What to do.
        public var description: String {
            switch self {
            case .noReplacement:
                "The master secret is in the configuration (secrets.key): put the next one, 32 bytes in base64, into "
                    + "the environment variable SLUICE_NEW_SECRET_KEY."
            case .sameSecret: "The new master secret is the one in use."
            }
        }
    }

    /// What was done.
    public struct Outcome: Hashable, Sendable {
        /// A public name of the new master secret.
        public let masterID: String
        /// How many values were sealed anew.
        public let resealed: Int
        /// How many could not be opened, and stay as they are.
        public let unreadable: Int
        /// Whether the configuration must be changed before the next start.
        public let mustBeConfigured: Bool
    }

    private let table: VaultTable
    private let vault: Vault

    /// Exchanges the master secret of a store for `replacement`, or for a random one where it is kept in a file.
    ///
    /// `configured` is the one in use, where it is in the configuration. Throws ``Failure`` and ``MasterSecret/Failure``.
    public static func run(_ store: Store, configured: Secret?, replacement: Secret?) async throws -> Outcome {
        try await MasterSource(configured: configured, storage: store.directory).exclusively {
            // Opened only now: this ends an exchange that was broken off, whose secret would be written over below.
            let rotation = VaultRotation(store, try await Vault.open(store, configured: configured))
            let next = try rotation.next(replacement)
            try rotation.stage(next)
            let outcome = try await rotation.commit(next)
            try rotation.finish(outcome.masterID)
            return outcome
        }
    }

    init(_ store: Store, _ vault: Vault) {
        self.table = VaultTable(store)
        self.vault = vault
    }

    // The steps, apart so that tests can break off after each.

    func next(_ replacement: Secret?) throws -> SymmetricKey {
        guard self.vault.source.configured != nil else { return SymmetricKey(size: .bits256) }
        guard let replacement, !replacement.isEmpty else { throw Failure.noReplacement }
        guard let key = MasterSecret.decode(replacement.reveal()) else { throw MasterSecret.Failure.malformedSetting }
        guard MasterSecret.id(of: key) != self.vault.sealer.masterID else { throw Failure.sameSecret }
        return key
    }

    func stage(_ next: SymmetricKey) throws {
        if self.vault.source.configured == nil { try self.vault.source.stage(next) }
    }

    func commit(_ next: SymmetricKey) async throws -> Outcome {
        let sealer = Sealer(master: next)
        let root = try sealer.seal(self.vault.root.withUnsafeBytes { Data($0) }, at: Vault.rootPlace)
        let row = VaultTable.Row(masterID: sealer.masterID, root: root)
        let counts = try await self.table.reseal(from: self.vault.sealer, to: sealer, row)
        return Outcome(
            masterID: sealer.masterID,
            resealed: counts.resealed,
            unreadable: counts.unreadable,
            mustBeConfigured: self.vault.source.configured != nil
        )
    }

    func finish(_ masterID: String) throws { try self.vault.source.promote(masterID) }
}
