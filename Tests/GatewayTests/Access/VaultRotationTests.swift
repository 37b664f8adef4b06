// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct VaultRotationTests {
    /// A store whose master secret is in a file, with one provider and one credential.
    private struct Setup {
        let fixture: StoreFixture
        let loader: ProviderLoader
        var path: String { self.fixture.folder.path + "/secret.key" }

        init() async throws {
            self.fixture = try StoreFixture()
            self.loader = ProviderLoader(FakeFactory(), logger: .silent)
            let vault = try await self.vault()
            let table = ProviderTable(self.fixture.store, vault)
            let id = try #require(ProviderID("one"))
            let configuration = ProviderConfiguration(id: id, kind: "fake")
            let credential = try StoredCredential.new(
                ProviderCredential(id: "cred_1", fields: ["apiKey": Secret("vendor-key")]),
                of: configuration,
                origin: vault.digest(ofOrigin: "https://one.example.com"),
                at: self.fixture.time.now
            )
            let provider = StoredProvider(name: "one", kind: "fake", createdAt: self.fixture.time.now)
            #expect(try await table.insert(provider, SealedSettings(configuration).content, [credential]))
        }

        func vault() async throws -> Vault { try await Vault.open(self.fixture.store, configured: nil) }
        func rotation() async throws -> VaultRotation { VaultRotation(self.fixture.store, try await self.vault()) }

        @discardableResult
        func rotate() async throws -> VaultRotation.Outcome {
            try await VaultRotation.run(self.fixture.store, configured: nil, replacement: nil)
        }

        /// The vendor's key, as a start finds it.
        func credential(_ vault: Vault) async throws -> String? {
            let loaded = try await self.loader.load([], self.fixture.store, vault)
            return loaded.first?.configuration.credentials.first?.fields["apiKey"]?.reveal()
        }

        func file(_ suffix: String = "") -> Data? { FileManager.default.contents(atPath: self.path + suffix) }
    }

    @Test func exchangesTheFileAndKeepsRootAndCredentials() async throws {
        let setup = try await Setup()
        let (root, file) = (try await setup.vault().root, setup.file())
        let outcome = try await setup.rotate()
        #expect(outcome.resealed == 2 && outcome.unreadable == 0 && !outcome.mustBeConfigured)
        #expect(setup.file() != file)
        #expect(setup.file(".next") == nil)
        #expect(try setup.fixture.folder.mode(of: "secret.key") == 0o600)
        let vault = try await setup.vault()
        #expect(vault.root == root)
        #expect(vault.sealer.masterID == outcome.masterID)
        #expect(try await setup.credential(vault) == "vendor-key")
    }

    @Test func theOldMasterSecretOpensNothingAfterwards() async throws {
        let setup = try await Setup()
        let old = try await setup.vault()
        try await setup.rotate()
        let contents = try await ProviderTable(setup.fixture.store, old).contents()
        let (provider, credential) = (try #require(contents.providers.first), try #require(contents.credentials.first))
        #expect(old.sealer.open(provider.sealed, at: provider.place) == nil)
        #expect(old.sealer.open(credential.sealed, at: credential.place) == nil)
    }

    /// URLs and header values of callers are sealed too.
    @Test func jobsGoOnUnderTheNewMasterSecret() async throws {
        let setup = try await Setup()
        let old = JobTable(setup.fixture.store, try await setup.vault())
        let job = Job(
            id: UUID(),
            caller: "key_1",
            provider: try #require(ProviderID("one")),
            session: nil,
            host: "example.org",
            createdAt: setup.fixture.time.now,
            sourceURL: "https://example.org/a",
            name: "a"
        )
        let request = CreateRequest(
            url: "https://example.org/a?signature=of-the-caller",
            headers: [CreateRequest.Header(name: "Authorization", value: Secret("Bearer of-the-caller"))]
        )
        #expect(try await old.insert(job, .url(request), nil, mostOpen: 1) == .made)
        try await old.apply(.checkpoint(Data("a link".utf8), nil, nil), to: job.id)
        #expect(try await setup.rotate().resealed == 4)
        let new = JobTable(setup.fixture.store, try await setup.vault())
        let kept = try await new.kept(of: job)
        #expect(kept?.request == .url(request) && kept?.checkpoint == Data("a link".utf8))
    }

    // MARK: Broken off

    @Test func brokenOffBeforeTheTransactionTheOldOneHolds() async throws {
        let setup = try await Setup()
        let file = setup.file()
        let rotation = try await setup.rotation()
        try rotation.stage(try rotation.next(nil))
        #expect(setup.file(".next") != nil)
        let vault = try await setup.vault()
        #expect(setup.file() == file)
        #expect(try await setup.credential(vault) == "vendor-key")
        // The next rotation is not held up by what was left there.
        try await setup.rotate()
        #expect(try await setup.credential(setup.vault()) == "vendor-key")
    }

    @Test func brokenOffAfterTheTransactionTheNextStartEndsIt() async throws {
        let setup = try await Setup()
        let root = try await setup.vault().root
        let rotation = try await setup.rotation()
        let next = try rotation.next(nil)
        try rotation.stage(next)
        let outcome = try await rotation.commit(next)
        let staged = setup.file(".next")
        let vault = try await setup.vault()
        #expect(vault.root == root && vault.sealer.masterID == outcome.masterID)
        #expect(try await setup.credential(vault) == "vendor-key")
        #expect(setup.file() == staged && setup.file(".next") == nil)
        // Whoever ends it second finds it done.
        try rotation.finish(outcome.masterID)
        #expect(setup.file() == staged)
    }

    @Test func aTransactionThatFailsChangesNothing() async throws {
        let setup = try await Setup()
        let late = try await setup.rotation()
        try await setup.rotate()
        let file = setup.file()
        await #expect(throws: MasterSecret.Failure.self) { try await late.commit(SymmetricKey(size: .bits256)) }
        #expect(setup.file() == file)
        #expect(try await setup.credential(setup.vault()) == "vendor-key")
    }

    @Test func onlyOneRunsAtATime() async throws {
        let setup = try await Setup()
        let source = MasterSource(configured: nil, storage: setup.fixture.folder.path)
        _ = try await source.exclusively {
            await #expect(throws: MasterSecret.Failure.self) { try await setup.rotate() }
        }
        try await setup.rotate()
    }

    // MARK: Configured

    @Test func aConfiguredMasterSecretIsExchangedForTheOneThatIsGiven() async throws {
        let fixture = try StoreFixture()
        let next = SymmetricKey(size: .bits256)
        _ = try await fixture.vault()
        func rotate(_ replacement: String?) async throws -> VaultRotation.Outcome {
            try await VaultRotation.run(
                fixture.store,
                configured: Secret(fixture.secret.text),
                replacement: replacement.map { Secret($0) }
            )
        }
        await #expect(throws: VaultRotation.Failure.noReplacement) { try await rotate(nil) }
        await #expect(throws: VaultRotation.Failure.sameSecret) {
            try await rotate(fixture.secret.text)
        }
        await #expect(throws: MasterSecret.Failure.malformedSetting) {
            try await rotate("short")
        }
        #expect(try await rotate(next.text).mustBeConfigured)
        await #expect(throws: MasterSecret.Failure.wrongMaster(place: "secrets.key")) { try await fixture.vault() }
        #expect(try await Vault.open(fixture.store, configured: Secret(next.text)).root == fixture.secret)
        #expect(!FileManager.default.fileExists(atPath: fixture.folder.path + "/secret.key.next"))
    }
}
