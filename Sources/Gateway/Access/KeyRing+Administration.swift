// SPDX-License-Identifier: Apache-2.0

import Foundation
public import ServiceLifecycle

extension KeyRing {
    /// A key that was just made, with its secret, which is not known again.
    public struct NewKey: Sendable {
        /// The secret, to be shown once.
        public let key: GatewayKey
        /// The key without it.
        public let stored: StoredKey
    }

    /// Why a key is not changed.
    public enum Refusal: Error, Hashable, Sendable {
        /// There is none with this id.
        case unknown
        /// It was revoked, for good.
        case revoked
        /// Its time is over.
        case expired
    }

    /// The longest time that an old secret can live on for: 30 days.
    public static let longestGraceSeconds: Int64 = 2_592_000

    /// Makes a key.
    public func create(
        _ settings: KeySettings,
        using source: inout some RandomNumberGenerator & Sendable
    ) async throws(StoreError) -> NewKey {
        let (new, record) = self.newKey(settings, using: &source)
        try await self.table.insert(record)
        try await self.follow(at: self.clock())
        return new
    }

    /// Makes a key from the system's randomness.
    public func create(_ settings: KeySettings) async throws(StoreError) -> NewKey {
        var source = SystemRandomNumberGenerator()
        return try await self.create(settings, using: &source)
    }

    /// Makes the first admin key, where there is neither `SLUICE_ADMIN_KEY` nor any key in the store; else `nil`.
    ///
    /// Of two gateways that start at once over one store, one makes it.
    public func createFirstKeyIfNeeded() async throws(StoreError) -> NewKey? {
        guard !self.hasAdminKey else { return nil }
        var source = SystemRandomNumberGenerator()
        let (new, record) = self.newKey(KeySettings(name: "first key", scopes: [.admin]), using: &source)
        guard try await self.table.insertIfFirst(record) else { return nil }
        try await self.follow(at: self.clock())
        return new
    }

    /// All keys, also revoked and expired ones, the newest first.
    public func list() async throws(StoreError) -> [StoredKey] {
        try await self.recordUses()
        return try await self.table.all().map(\.stored)
    }

    /// One key, or `nil` where there is none with this id.
    public func show(_ id: String) async throws(StoreError) -> StoredKey? {
        try await self.recordUses()
        return try await self.table.find(id)?.stored
    }

    /// Ends a key: the next request with it is refused, and its open streams are cut.
    ///
    /// `nil` where there is none; a revoked one stays as it is.
    public func revoke(_ id: String) async throws(StoreError) -> StoredKey? {
        let revoked = try await self.edit(id) { record, now in
            record.stored.revokedAt = record.stored.revokedAt ?? now
            return nil
        }
        return try? revoked.get()
    }

    /// Gives a key other settings, in force with the next request and for open streams.
    ///
    /// The rest stays as it is in the store at that moment, so that of two changes at once none is lost. Those of a revoked
    /// key are not changed. ``KeyChange/problems(at:)`` is the caller's to ask.
    public func change(_ id: String, _ change: KeyChange) async throws(StoreError) -> Result<StoredKey, Refusal> {
        try await self.edit(id) { record, _ in
            guard record.stored.revokedAt == nil else { return .revoked }
            change.apply(to: &record.stored.settings)
            return nil
        }
    }

    /// Gives a key a new secret; the old one lives `grace` longer, and one that was rotated out before ends now.
    ///
    /// A key that was revoked or has expired is left alone.
    public func rotate(
        _ id: String,
        grace: Duration = .zero
    ) async throws(StoreError) -> Result<NewKey, Refusal> {
        let key = GatewayKey.generate()
        let digest = self.digest(of: key)
        let seconds = Double(max(0, min(grace.components.seconds, Self.longestGraceSeconds)))
        let rotated = try await self.edit(id) { record, now in
            guard record.stored.revokedAt == nil else { return .revoked }
            guard record.stored.isUsable(at: now) else { return .expired }
            record.previousDigest = seconds > 0 ? record.digest : nil
            record.previousEndsAt = seconds > 0 ? now.addingTimeInterval(seconds) : nil
            record.digest = digest
            return nil
        }
        return rotated.map { NewKey(key: key, stored: $0) }
    }

    private func newKey(
        _ settings: KeySettings,
        using source: inout some RandomNumberGenerator
    ) -> (NewKey, GatewayKeyRecord) {
        let key = GatewayKey.generate(using: &source)
        let id = GatewayKey.generateID(using: &source)
        let stored = StoredKey(id: id, settings: settings, createdAt: self.clock())
        return (NewKey(key: key, stored: stored), GatewayKeyRecord(stored: stored, digest: self.digest(of: key)))
    }

    /// Changes a row unless `edit` refuses, and returns when requests and streams are judged by it.
    private func edit(
        _ id: String,
        _ edit: @escaping @Sendable (inout GatewayKeyRecord, Date) -> Refusal?
    ) async throws(StoreError) -> Result<StoredKey, Refusal> {
        let now = self.clock()
        try await self.recordUses()
        let edited = try await self.table.update(id) { edit(&$0, now) }
        try await self.follow(at: now)
        return edited.map(\.stored)
    }
}

extension KeyRing: Service {
    /// Follows the store four times a second, also while no request comes, and writes down every five seconds when keys
    /// were last used, and once more at the end.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var turn = 0
            while (try? await Task.sleep(for: .milliseconds(250))) != nil {
                try? await self.follow(at: self.clock())  // Whoever asks next is told what failed.
                turn = (turn + 1) % 20
                if turn == 0 { try? await self.recordUses() }  // What could not be written is kept for the next time.
            }
        }
        // In a task of its own: a cancelled one may not write any more.
        await Task { try? await self.recordUses() }.value
    }
}
