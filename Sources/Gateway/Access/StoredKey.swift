// SPDX-License-Identifier: Apache-2.0

public import Downloads
public import Foundation

/// What the owner of a gateway key decides about it.
public struct KeySettings: Hashable, Sendable {
    /// A name for people.
    public var name: String
    /// What its callers may do.
    public var scopes: Set<Scope>
    /// The providers that they may see; `nil`: all.
    public var providers: Set<ProviderID>?
    /// The sessions that they may see; `nil`: all.
    public var sessions: [SessionGlob]?
    /// Its own limits; `nil`: the default ones.
    public var limits: RateLimitPolicy?
    /// When it stops; `nil`: never.
    public var expiresAt: Date?

    /// Creates settings.
    public init(
        name: String,
        scopes: Set<Scope>,
        providers: Set<ProviderID>? = nil,
        sessions: [SessionGlob]? = nil,
        limits: RateLimitPolicy? = nil,
        expiresAt: Date? = nil
    ) {
        self.name = name
        self.scopes = scopes
        self.providers = providers
        self.sessions = sessions
        self.limits = limits
        self.expiresAt = expiresAt
    }
}

/// A gateway key as the store knows it: everything but the secret.
public struct StoredKey: Hashable, Sendable {
    /// Its public id: `key_…`.
    public let id: String
    /// What its owner decided.
    public var settings: KeySettings
    /// When it was made.
    public var createdAt: Date
    /// When it was last used; written in batches, some seconds late.
    public var lastUsedAt: Date?
    /// The address that it was last used from.
    public var lastUsedFrom: String?
    /// When it was revoked.
    public var revokedAt: Date?

    /// Whether a request with it is let in at `time`.
    public func isUsable(at time: Date) -> Bool {
        self.revokedAt == nil && (self.settings.expiresAt.map { time < $0 } ?? true)
    }

    var caller: Caller {
        Caller(
            .key(self.id),
            displayName: self.settings.name,
            scopes: self.settings.scopes,
            providers: self.settings.providers,
            sessions: self.settings.sessions,
            limits: self.settings.limits,
            expiresAt: self.settings.expiresAt
        )
    }
}
