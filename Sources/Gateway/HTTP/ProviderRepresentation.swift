// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The provider of the contract, as JSON; where the address itself is a secret, its adapter has hidden it already.
struct ProviderRepresentation: Encodable {
    private let provider: RegisteredProvider
    private let isForAdmin: Bool

    /// What `caller` may see of it: credentials are for `admin` alone.
    init(_ provider: RegisteredProvider, for caller: Caller) {
        self.provider = provider
        self.isForAdmin = caller.may(.admin)
    }

    private enum Key: String, CodingKey {
        case name, kind, baseURL, source, capabilities, state, lastSuccessAt, lastError, credentials
    }

    private struct Abilities: Encodable {
        let list = true
        let content = true
        let sessions: Bool
        let root: Bool
        let filters: [String]
        let ranges: Bool
        let delete: Bool
        let create: Bool
        let cancel: Bool
        let upload: Bool

        init(_ capabilities: Capabilities) {
            self.sessions = capabilities.listsSessions
            self.root = capabilities.listsRoot
            self.filters = capabilities.filters.map(\.rawValue).sorted()
            self.ranges = capabilities.ranges
            self.delete = capabilities.delete
            self.create = capabilities.create
            self.cancel = capabilities.cancel
            self.upload = capabilities.upload
        }
    }

    private struct Failure: Encodable {
        let message: String
        let at: String
    }

    func encode(to encoder: any Encoder) throws {
        let entry = self.provider.entry
        let health = entry.health.snapshot
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(entry.id.name, forKey: .name)
        try container.encode(entry.kind, forKey: .kind)
        try container.encode(entry.baseURL, forKey: .baseURL)
        try container.encode(self.provider.source.rawValue, forKey: .source)
        try container.encode(Abilities(entry.capabilities), forKey: .capabilities)
        try container.encode(health.state, forKey: .state)
        try container.encode(health.lastSuccessAt.map(RFC3339.format), forKey: .lastSuccessAt)
        let failure = health.lastError.flatMap { message in
            health.lastErrorAt.map { Failure(message: message, at: RFC3339.format($0)) }
        }
        try container.encode(failure, forKey: .lastError)
        if self.isForAdmin {
            try container.encode(self.provider.credentials.map(CredentialRepresentation.init), forKey: .credentials)
        }
    }
}

/// A credential of the contract, as JSON: never its fields.
struct CredentialRepresentation: Encodable {
    private let status: CredentialStatus

    init(_ status: CredentialStatus) { self.status = status }

    private enum Key: String, CodingKey { case id, label, fingerprint, state, coolsUntil, lastUsedAt }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.status.id, forKey: .id)
        try container.encode(self.status.label, forKey: .label)
        try container.encode(self.status.fingerprint, forKey: .fingerprint)
        try container.encode(self.status.state.rawValue, forKey: .state)
        try container.encode(self.status.coolsUntil.map(RFC3339.format), forKey: .coolsUntil)
        try container.encode(self.status.lastUsedAt.map(RFC3339.format), forKey: .lastUsedAt)
    }
}
