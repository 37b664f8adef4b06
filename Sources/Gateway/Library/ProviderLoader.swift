// SPDX-License-Identifier: Apache-2.0

public import Downloads
import Foundation
public import Logging

/// Makes the providers of a configuration and of a store, as they are at a start.
public struct ProviderLoader: Sendable {
    let factory: any ProviderFactory
    private let logger: Logger

    /// Creates a loader; what cannot be loaded from the store is left out and said in `logger`.
    public init(_ factory: any ProviderFactory, logger: Logger) {
        self.factory = factory
        self.logger = logger
    }

    /// One that loads alike with another factory.
    func with(_ factory: any ProviderFactory) -> ProviderLoader { ProviderLoader(factory, logger: self.logger) }

    /// The providers of the file in its order, without a store.
    ///
    /// Throws ``FieldProblem`` where one cannot be made.
    public func load(_ files: [ProviderConfiguration]) throws -> [RegisteredProvider] {
        try self.load(files, ProviderTable.Contents(), nil, after: [:])
    }

    /// The providers of the file in its order, then those of the store, each with its credentials of the store.
    ///
    /// Throws ``FieldProblem`` where one of the file cannot be made, ``StoreError`` where the store cannot be read.
    public func load(
        _ files: [ProviderConfiguration],
        _ store: Store,
        _ vault: Vault
    ) async throws -> [RegisteredProvider] {
        try await self.load(files, store, vault, after: [:])
    }

    /// The same in the places of `previous`: a credential that one of them had goes on as it is there.
    func load(
        _ files: [ProviderConfiguration],
        _ store: Store,
        _ vault: Vault,
        after previous: [ProviderID: RegisteredProvider]
    ) async throws -> [RegisteredProvider] {
        try self.load(files, try await ProviderTable(store, vault).contents(), vault, after: previous)
    }

    private func load(
        _ files: [ProviderConfiguration],
        _ contents: ProviderTable.Contents,
        _ vault: Vault?,
        after previous: [ProviderID: RegisteredProvider]
    ) throws -> [RegisteredProvider] {
        let rows = Dictionary(grouping: contents.credentials, by: \.provider)
        var loaded = try files.map { file in
            try self.provider(file, .file, rows[file.id.name] ?? [], vault, after: previous[file.id])
        }
        for row in contents.providers {
            guard !files.contains(where: { $0.id.name == row.name }) else {
                self.warn("A stored provider is hidden by one of the configuration file.", row.name)
                continue
            }
            guard let configuration = vault.flatMap({ row.configuration($0.sealer) }),
                let provider = try? self.provider(
                    configuration,
                    .api,
                    rows[row.name] ?? [],
                    vault,
                    after: previous[configuration.id]
                )
            else {
                self.warn("A stored provider cannot be read; it is left out.", row.name)
                continue
            }
            loaded.append(provider)
        }
        return loaded
    }

    private func warn(_ text: Logger.Message, _ name: String) {
        self.logger.warning(text, metadata: ["provider": "\(name)"])
    }

    private func provider(
        _ base: ProviderConfiguration,
        _ source: RegisteredProvider.Source,
        _ rows: [StoredCredential],
        _ vault: Vault?,
        after previous: RegisteredProvider?
    ) throws(FieldProblem) -> RegisteredProvider {
        var configuration = base
        // One of the file whose environment variable is missing is no credential.
        configuration.credentials = base.credentials.filter { !$0.fields.values.allSatisfy(\.isEmpty) }
        var refused: [CredentialStatus] = []
        var stored: Set<String> = []
        for row in rows {
            guard let vault, let credential = row.credential(for: base, self.factory.origin(of: base), vault) else {
                self.logger.warning(
                    "A stored credential is not for this provider and address; it is not used.",
                    metadata: ["provider": "\(base.id)", "credential": "\(row.id)"]
                )
                refused.append(CredentialStatus(unreadable: row))
                continue
            }
            configuration.credentials.append(credential)
            stored.insert(row.id)
        }
        return try self.register(configuration, source, stored, refused, after: previous)
    }

    /// Makes the provider of a configuration, in the place of `previous`.
    func register(
        _ configuration: ProviderConfiguration,
        _ source: RegisteredProvider.Source,
        _ stored: Set<String>,
        _ refused: [CredentialStatus],
        after previous: RegisteredProvider? = nil
    ) throws(FieldProblem) -> RegisteredProvider {
        RegisteredProvider(
            source: source,
            entry: try self.factory.makeEntry(configuration, keepingCredentialStatesOf: previous?.entry),
            configuration: configuration,
            storedIDs: stored,
            refused: refused
        )
    }

    /// The fields that a credential of this kind needs and does not have.
    func missingFields(of credential: ProviderCredential, kind: String) -> [String] {
        (self.factory.credentialFields(of: kind) ?? []).filter { credential.fields[$0]?.isEmpty ?? true }
    }
}

/// What is sealed of a provider.
struct SealedSettings: Codable {
    var baseURL: String?
    var settings: [String: JSONValue]

    init(_ configuration: ProviderConfiguration) {
        self.baseURL = configuration.baseURL
        self.settings = configuration.settings
    }

    var content: Data { get throws { try JSONEncoder().encode(self) } }
}

extension StoredProvider {
    /// The configuration, without credentials; `nil` where it cannot be opened.
    func configuration(_ sealer: Sealer) -> ProviderConfiguration? {
        guard let id = ProviderID(self.name), let bytes = sealer.open(self.sealed, at: self.place),
            let content = try? JSONDecoder().decode(SealedSettings.self, from: bytes)
        else { return nil }
        return ProviderConfiguration(
            id: id,
            kind: self.kind,
            baseURL: content.baseURL,
            settings: content.settings
        )
    }
}

extension StoredCredential {
    /// The row for a new credential, and what is to be sealed of it.
    static func new(
        _ credential: ProviderCredential,
        of provider: ProviderConfiguration,
        origin: Data,
        at time: Date
    ) throws -> ProviderTable.NewCredential {
        let row = StoredCredential(
            id: credential.id,
            provider: provider.id.name,
            kind: provider.kind,
            origin: origin,
            label: credential.label,
            fingerprint: credential.fingerprint,
            createdAt: time
        )
        return (row, try JSONEncoder().encode(credential.fields.mapValues { $0.reveal() }))
    }

    /// The credential, where it is one of this provider, at this origin.
    func credential(for provider: ProviderConfiguration, _ origin: String?, _ vault: Vault) -> ProviderCredential? {
        guard self.kind == provider.kind, let origin, vault.digest(ofOrigin: origin) == self.origin,
            let bytes = vault.sealer.open(self.sealed, at: self.place),
            let fields = try? JSONDecoder().decode([String: String].self, from: bytes)
        else { return nil }
        return ProviderCredential(id: self.id, label: self.label, fields: fields.mapValues { Secret($0) })
    }
}
