// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Changes the providers while the gateway runs: one change after the other, each whole or not at all.
///
/// A change is judged, its provider made, the store written, and only then the directory replaced: what fails on the way
/// leaves everything as it was. A caller that leaves does not break it off. Other gateways over the same store see it at
/// their next start.
actor ProviderAdministration {
    private let directory: ProviderDirectory
    private var loader: ProviderLoader
    private let store: Store
    private let table: ProviderTable
    private let vault: Vault
    private let catalogue: Catalogue
    private let now: @Sendable () -> Date
    private var last: Task<Void, Never>?

    init(
        _ directory: ProviderDirectory,
        loader: ProviderLoader,
        store: Store,
        vault: Vault,
        catalogue: Catalogue,
        now: @escaping @Sendable () -> Date
    ) {
        self.directory = directory
        self.loader = loader
        self.store = store
        self.table = ProviderTable(store, vault)
        self.vault = vault
        self.catalogue = catalogue
        self.now = now
    }

    // MARK: Providers

    /// Makes a provider with its first credentials.
    func create(_ configuration: ProviderConfiguration) async throws -> RegisteredProvider {
        try await self.serially { admin in
            guard admin.directory.current.registered(configuration.id) == nil else {
                throw Self.taken(configuration.id)
            }
            try admin.check(configuration)
            let credentials = configuration.credentials
            let registered = try admin.loader.register(configuration, .api, Set(credentials.map(\.id)), [])
            let rows = try credentials.map { try admin.row($0, of: configuration) }
            let provider = StoredProvider(
                name: configuration.id.name,
                kind: configuration.kind,
                createdAt: admin.now()
            )
            let isNew = try await admin.table.insert(provider, try SealedSettings(configuration).content, rows)
            guard isNew else { throw Self.taken(configuration.id) }
            return await admin.put(registered, mayShowOther: true)
        }
    }

    /// Changes address or settings of a provider of the API.
    func change(
        _ id: ProviderID,
        _ change: @escaping @Sendable (inout ProviderConfiguration) -> Void
    ) async throws -> RegisteredProvider {
        try await self.serially { admin in
            let old = try admin.ownProvider(id)
            var configuration = old.configuration
            change(&configuration)
            try admin.check(configuration)
            let origin = admin.loader.factory.origin(of: configuration)
            if old.hasStoredCredentials, origin != admin.loader.factory.origin(of: old.configuration) {
                throw ProviderRefusal.conflict(
                    "The credentials of '\(id)' are bound to the origin of its base URL; remove them before you change it."
                )
            }
            let registered = try admin.loader.register(configuration, .api, old.storedIDs, old.refused, after: old)
            let row = StoredProvider(name: id.name, kind: configuration.kind, createdAt: admin.now())
            guard try await admin.table.update(row, try SealedSettings(configuration).content) else {
                throw ProviderRefusal.notFound
            }
            return await admin.put(registered, mayShowOther: configuration != old.configuration)
        }
    }

    /// Removes a provider of the API, with its credentials and what is known of its downloads.
    func remove(_ id: ProviderID) async throws {
        try await self.serially { admin in
            let old = try admin.ownProvider(id)
            try await admin.table.removeProvider(id.name)
            admin.directory.replace(admin.directory.current.registered.filter { $0.id != id })
            await admin.catalogue.purge(id, epoch: old.entry.epoch &+ 1)
        }
    }

    /// Serves the providers of a configuration file that was read again, beside those of the store.
    ///
    /// One that is as it was goes on as it is, unless `factory` is a new one: then all are made anew. Throws where one cannot be
    /// made; then all stays as it was.
    func reload(_ files: [ProviderConfiguration], _ factory: (any ProviderFactory)?) async throws {
        try await self.serially { admin in
            let loader = factory.map { admin.loader.with($0) } ?? admin.loader
            let old = Dictionary(admin.directory.current.registered.map { ($0.id, $0) }) { first, _ in first }
            let loaded = try await loader.load(files, admin.store, admin.vault, after: old)
            var purged: [ProviderID: Int] = [:]
            let all = loaded.map { new in
                let before = old[new.id]
                let isSame = before?.isSame(as: new) ?? false
                if isSame, factory == nil, let before { return before }
                var new = new
                let epoch = before?.entry.epoch ?? admin.catalogue.epoch(of: new.id)
                new.entry.epoch = isSame ? epoch : epoch &+ 1
                if !isSame { purged[new.id] = new.entry.epoch }
                return new
            }
            for (id, before) in old where !all.contains(where: { $0.id == id }) { purged[id] = before.entry.epoch &+ 1 }
            admin.loader = loader
            admin.directory.replace(all)
            for (id, epoch) in purged { await admin.catalogue.purge(id, epoch: epoch) }
        }
    }

    private func ownProvider(_ id: ProviderID) throws(ProviderRefusal) -> RegisteredProvider {
        guard let provider = self.directory.current.registered(id) else { throw .notFound }
        guard provider.source == .api else { throw .readOnly(id) }
        return provider
    }

    private static func taken(_ id: ProviderID) -> ProviderRefusal {
        .conflict("There is a provider '\(id)' already.")
    }

    // MARK: Credentials

    /// Adds a credential to a provider of the API or of the file.
    func add(_ credential: ProviderCredential, to id: ProviderID) async throws -> CredentialStatus {
        try await self.serially { admin in
            guard let old = admin.directory.current.registered(id) else { throw ProviderRefusal.notFound }
            var configuration = old.configuration
            let needsOrigin = admin.loader.factory.credentialFields(of: configuration.kind)?.isEmpty == false
            guard !needsOrigin || admin.loader.factory.origin(of: configuration) != nil else {
                throw ProviderRefusal.conflict("The provider '\(id)' has no base URL to bind a credential to.")
            }
            configuration.credentials = [credential]
            try admin.check(configuration)
            guard !old.credentials.contains(where: { $0.fingerprint == credential.fingerprint }) else {
                throw ProviderRefusal.conflict("The provider '\(id)' has this credential already.")
            }
            configuration.credentials = old.configuration.credentials + [credential]
            let stored = old.storedIDs.union([credential.id])
            let registered = try admin.loader.register(configuration, old.source, stored, old.refused, after: old)
            try await admin.table.insert(try admin.row(credential, of: configuration))
            // The first one may be of another account than those before it.
            let new = await admin.put(registered, mayShowOther: old.configuration.credentials.isEmpty)
            return new.credentials.first { $0.id == credential.id } ?? CredentialStatus(of: credential)
        }
    }

    /// Removes a credential that was added over the API.
    func remove(_ credential: String, from id: ProviderID) async throws {
        try await self.serially { admin in
            guard let old = admin.directory.current.registered(id) else { throw ProviderRefusal.notFound }
            let isStored = old.storedIDs.contains(credential) || old.refused.contains { $0.id == credential }
            guard isStored else {
                guard old.configuration.credentials.contains(where: { $0.id == credential }) else {
                    throw ProviderRefusal.notFound
                }
                throw ProviderRefusal.conflict("The credential is in the configuration file; remove it there.")
            }
            var configuration = old.configuration
            configuration.credentials.removeAll { $0.id == credential }
            let registered = try admin.loader.register(
                configuration,
                old.source,
                old.storedIDs.subtracting([credential]),
                old.refused.filter { $0.id != credential },
                after: old
            )
            try await admin.table.removeCredential(credential)
            let wasLast = configuration.credentials.isEmpty && configuration != old.configuration
            _ = await admin.put(registered, mayShowOther: wasLast)
        }
    }

    private func row(
        _ credential: ProviderCredential,
        of configuration: ProviderConfiguration
    ) throws -> ProviderTable.NewCredential {
        // Without an origin ``check(_:)`` has refused already.
        let origin = self.loader.factory.origin(of: configuration) ?? ""
        return try StoredCredential.new(
            credential,
            of: configuration,
            origin: self.vault.digest(ofOrigin: origin),
            at: self.now()
        )
    }

    // MARK: Judging and replacing

    /// Finds all faults: those that the adapter finds, and what an address or a credential lacks.
    private func check(_ configuration: ProviderConfiguration) throws(ProviderRefusal) {
        var problems = self.loader.factory.problems(in: configuration)
        guard let fields = self.loader.factory.credentialFields(of: configuration.kind) else {
            throw .invalid(problems)
        }
        var seen: Set<String> = []
        for (index, credential) in configuration.credentials.enumerated() {
            let path = "credentials[\(index)]"
            for name in self.loader.missingFields(of: credential, kind: configuration.kind) {
                problems.append(FieldProblem(field: "\(path).\(name)", message: "is needed"))
            }
            if fields.isEmpty { problems.append(FieldProblem(field: path, message: "this kind takes no credential")) }
            if !seen.insert(credential.fingerprint).inserted {
                problems.append(FieldProblem(field: path, message: "stands here twice"))
            }
        }
        let hasBadAddress = problems.contains { $0.field == "baseURL" }
        if !fields.isEmpty, !hasBadAddress, self.loader.factory.origin(of: configuration) == nil {
            problems.append(FieldProblem(field: "baseURL", message: "is needed for this kind"))
        }
        guard problems.isEmpty else { throw .invalid(problems) }
    }

    /// Serves `registered` from now on; with `mayShowOther`, nothing that its forerunner answered is served any more.
    private func put(_ registered: RegisteredProvider, mayShowOther: Bool) async -> RegisteredProvider {
        var new = registered
        var all = self.directory.current.registered
        let index = all.firstIndex { $0.id == new.id }
        // One that was removed has left its epoch with the catalogue.
        let epoch = index.map { all[$0].entry.epoch } ?? self.catalogue.epoch(of: new.id)
        new.entry.epoch = mayShowOther ? epoch &+ 1 : epoch
        if let index { all[index] = new } else { all.append(new) }
        self.directory.replace(all)
        if mayShowOther { await self.catalogue.purge(new.id, epoch: new.entry.epoch) }
        return new
    }

    /// Runs `work` after all that came before it, in a task of its own.
    private func serially<Value: Sendable>(
        _ work: @escaping @Sendable (isolated ProviderAdministration) async throws -> Value
    ) async throws -> Value {
        let previous = self.last
        let task = Task {
            await previous?.value
            do {
                return try await work(self)
            } catch MasterSecret.Failure.wrongMaster {
                throw ProviderRefusal.rotated
            }
        }
        self.last = Task { _ = await task.result }
        return try await task.value
    }
}
