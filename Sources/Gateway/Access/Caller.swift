// SPDX-License-Identifier: Apache-2.0

import Crypto
public import Downloads
public import Foundation

/// Who is calling, and what is theirs to see and do.
public struct Caller: Hashable, Sendable {
    /// Where an identity comes from.
    ///
    /// All of it goes into ``Caller/id``: nothing is cut off, so no two callers share one.
    public enum Identity: Hashable, Sendable {
        /// The key in `SLUICE_ADMIN_KEY`.
        case admin
        /// A gateway key, by its public id.
        case key(String)
        /// The subject of a token, and the configured issuer that vouched for it.
        case token(issuer: String, subject: String)
    }

    /// Where the identity comes from.
    public let identity: Identity
    /// The one name for limits, caches and logs: `admin`, `key_…`, or `jwt:<hash of the issuer>:<subject>`.
    public let id: String
    /// A name for people.
    public let displayName: String
    /// What it may do.
    public let scopes: Set<Scope>
    /// The providers that it may see; `nil`: all.
    public let providers: Set<ProviderID>?
    /// The sessions that it may see; `nil`: all, and what lies outside of any.
    public let sessions: [SessionGlob]?
    /// Its own limits; `nil`: the default ones.
    public let limits: RateLimitPolicy?
    /// When it stops being known; `nil`: never.
    public let expiresAt: Date?
    /// The keyed hash of the gateway key that was presented; `nil` for other identities.
    ///
    /// A rotated key has two secrets for a while: what began with the old one ends with that one.
    var keyDigest: Data?

    /// Creates a caller; the only place where ``id`` is made.
    public init(
        _ identity: Identity,
        displayName: String,
        scopes: Set<Scope>,
        providers: Set<ProviderID>? = nil,
        sessions: [SessionGlob]? = nil,
        limits: RateLimitPolicy? = nil,
        expiresAt: Date? = nil
    ) {
        self.identity = identity
        self.displayName = displayName
        self.scopes = scopes
        self.providers = providers
        self.sessions = sessions
        self.limits = limits
        self.expiresAt = expiresAt
        switch identity {
        case .admin: self.id = "admin"
        case .key(let id): self.id = id
        case .token(let issuer, let subject):
            let hash = SHA256.hash(data: Data(issuer.utf8)).prefix(16).hexadecimal
            self.id = "jwt:\(hash):\(subject)"
        }
    }

    /// The holder of `SLUICE_ADMIN_KEY`.
    public static let admin = Caller(.admin, displayName: "admin", scopes: [.admin])
}

extension Caller {
    /// Whether it has `scope`; `admin` has every one.
    public func may(_ scope: Scope) -> Bool { self.scopes.contains(scope) || self.scopes.contains(.admin) }

    /// Whether `provider` exists for it.
    public func maySee(provider: ProviderID) -> Bool { self.providers?.contains(provider) ?? true }

    /// Whether `session` of `provider` exists for it; `nil` is what lies outside of any session.
    ///
    /// A caller that is narrowed to sessions does not see what lies outside of any.
    public func maySee(session: String?, of provider: ProviderID) -> Bool {
        guard self.maySee(provider: provider) else { return false }
        guard let sessions else { return true }
        guard let session else { return false }
        return sessions.contains { $0.matches(session) }
    }

    /// Whether the download exists for it.
    ///
    /// What a caller may not see answers like what does not exist.
    public func maySee(_ reference: DownloadReference) -> Bool {
        self.maySee(session: reference.session, of: reference.provider)
    }
}
