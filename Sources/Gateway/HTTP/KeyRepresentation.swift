// SPDX-License-Identifier: Apache-2.0

import Downloads

/// The key of the contract, as JSON; `key` is there only where the secret is to be shown.
public struct KeyRepresentation: Encodable {
    private let key: StoredKey
    private let secret: Secret?

    /// Creates the representation of a key without its secret.
    public init(_ key: StoredKey) {
        self.key = key
        self.secret = nil
    }

    /// Creates the one representation of a key with its secret.
    public init(_ new: KeyRing.NewKey) {
        self.key = new.stored
        self.secret = new.key.secret
    }

    private enum Key: String, CodingKey {
        case id, name, scopes, providers, sessions, limits, createdAt, expiresAt, lastUsedAt, lastUsedFrom, revokedAt,
            key
    }

    private struct Limits: Encodable {
        let policy: RateLimitPolicy

        enum Key: String, CodingKey { case requests, burst, concurrent, bytesPerDay, bytesPerSecond }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(self.policy.requests?.description, forKey: .requests)
            try container.encode(self.policy.burst, forKey: .burst)
            try container.encode(self.policy.concurrent, forKey: .concurrent)
            try container.encode(self.policy.bytesPerDay, forKey: .bytesPerDay)
            try container.encode(self.policy.bytesPerSecond, forKey: .bytesPerSecond)
        }
    }

    /// Writes every field, also those that are `null`.
    public func encode(to encoder: any Encoder) throws {
        let settings = self.key.settings
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.key.id, forKey: .id)
        try container.encode(settings.name, forKey: .name)
        try container.encode(settings.scopes.map(\.rawValue).sorted(), forKey: .scopes)
        try container.encode(settings.providers?.map(\.name).sorted(), forKey: .providers)
        try container.encode(settings.sessions?.map(\.pattern), forKey: .sessions)
        try container.encode(settings.limits.map(Limits.init), forKey: .limits)
        try container.encode(RFC3339.format(self.key.createdAt), forKey: .createdAt)
        try container.encode(settings.expiresAt.map(RFC3339.format), forKey: .expiresAt)
        try container.encode(self.key.lastUsedAt.map(RFC3339.format), forKey: .lastUsedAt)
        try container.encode(self.key.lastUsedFrom, forKey: .lastUsedFrom)
        try container.encode(self.key.revokedAt.map(RFC3339.format), forKey: .revokedAt)
        try container.encodeIfPresent(self.secret?.reveal(), forKey: .key)
    }
}
