// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// How one credential of a provider does, without the credential.
public struct CredentialStatus: Hashable, Sendable {
    /// Whether it is used.
    public enum State: String, Sendable {
        /// It is used in its turn.
        case ok
        /// The upstream wanted fewer requests with it: it rests.
        case cooling
        /// The upstream refused it: it is used only where no other is left. One that lacks a field is never used.
        case refused
    }

    /// Its public id.
    public var id: String
    /// The operator's own note.
    public var label: String?
    /// See ``ProviderCredential/fingerprint``.
    public var fingerprint: String
    /// Whether it is used.
    public var state: State
    /// When it is used again in its turn; `nil` while it is.
    public var coolsUntil: Date?
    /// When it was last sent.
    public var lastUsedAt: Date?

    /// The status of a credential that was not used yet.
    public init(of credential: ProviderCredential) {
        self.id = credential.id
        self.label = credential.label
        self.fingerprint = credential.fingerprint
        self.state = .ok
    }
}
