// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB

/// A row of `gateway_key`: a key with the digests of its secrets.
struct GatewayKeyRecord: Sendable {
    var stored: StoredKey
    /// HMAC-SHA-256 of the secret.
    var digest: Data
    /// The same of the secret before the last rotation, while it is still let in.
    var previousDigest: Data?
    /// When that ends.
    var previousEndsAt: Date?

    init(stored: StoredKey, digest: Data) {
        self.stored = stored
        self.digest = digest
    }

    /// What the key ring looks secrets up in: one entry, or two after a rotation.
    var entries: [KeyRing.Entry] {
        func entry(_ digest: Data, graceEndsAt: Date?) -> KeyRing.Entry {
            var caller = self.stored.caller
            caller.keyDigest = digest
            let isRevoked = self.stored.revokedAt != nil
            return KeyRing.Entry(caller: caller, digest: digest, isRevoked: isRevoked, graceEndsAt: graceEndsAt)
        }
        let now = entry(self.digest, graceEndsAt: nil)
        guard let previousDigest, let previousEndsAt else { return [now] }
        return [now, entry(previousDigest, graceEndsAt: previousEndsAt)]
    }
}

extension GatewayKeyRecord: FetchableRecord {
    /// Reads a row.
    ///
    /// One whose narrowing cannot be read is refused: it must not become a key without narrowing.
    init(row: Row) throws {
        let providers: [String]? = try Self.decode(row["providers"])
        let sessions: [String]? = try Self.decode(row["sessions"])
        let scopes: [String] = try Self.decode(row["scopes"]) ?? []
        let settings = KeySettings(
            name: row["name"],
            scopes: Set(scopes.compactMap { Scope(rawValue: $0) }),
            providers: providers.map { Set($0.compactMap { ProviderID($0) }) },
            sessions: sessions.map { $0.compactMap { SessionGlob($0) } },
            limits: try Self.decode(row["limits"]),
            expiresAt: Date(milliseconds: row["expiresAt"])
        )
        self.stored = StoredKey(
            id: row["id"],
            settings: settings,
            createdAt: Date(milliseconds: row["createdAt"]) ?? .distantPast,
            lastUsedAt: Date(milliseconds: row["lastUsedAt"]),
            lastUsedFrom: row["lastUsedFrom"],
            revokedAt: Date(milliseconds: row["revokedAt"])
        )
        self.digest = row["digest"]
        self.previousDigest = row["previousDigest"]
        self.previousEndsAt = Date(milliseconds: row["previousEndsAt"])
    }

    private static func decode<Value: Decodable>(_ text: String?) throws -> Value? {
        try text.map { try JSONDecoder().decode(Value.self, from: Data($0.utf8)) }
    }
}

extension GatewayKeyRecord: PersistableRecord {
    static var databaseTableName: String { "gateway_key" }

    func encode(to container: inout PersistenceContainer) throws {
        let settings = self.stored.settings
        container["id"] = self.stored.id
        container["name"] = settings.name
        container["digest"] = self.digest
        container["previousDigest"] = self.previousDigest
        container["previousEndsAt"] = self.previousEndsAt?.milliseconds
        container["scopes"] = try Self.encode(settings.scopes.map(\.rawValue).sorted())
        container["providers"] = try settings.providers.map { try Self.encode($0.map(\.name).sorted()) }
        container["sessions"] = try settings.sessions.map { try Self.encode($0.map(\.pattern)) }
        container["limits"] = try settings.limits.map { try Self.encode($0) }
        container["createdAt"] = self.stored.createdAt.milliseconds
        container["expiresAt"] = settings.expiresAt?.milliseconds
        container["lastUsedAt"] = self.stored.lastUsedAt?.milliseconds
        container["lastUsedFrom"] = self.stored.lastUsedFrom
        container["revokedAt"] = self.stored.revokedAt?.milliseconds
    }

    private static func encode(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }
}
