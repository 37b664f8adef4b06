// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct VaultTests {
    private static let bytes = Data("a vendor's key".utf8)
    private let place = Sealer.Place("credential v1", "one", "fake", "00", "cred_1")

    // MARK: Sealing

    @Test func opensWhatItSealedAndNeverTheSameWayTwice() throws {
        let sealer = Sealer(master: SymmetricKey(size: .bits256))
        let sealed = try sealer.seal(Self.bytes, at: self.place)
        #expect(sealer.open(sealed, at: self.place) == Self.bytes)
        #expect(sealed.range(of: Self.bytes) == nil)
        #expect(try sealer.seal(Self.bytes, at: self.place) != sealed)
    }

    @Test func opensNothingThatWasAltered() throws {
        let sealer = Sealer(master: SymmetricKey(size: .bits256))
        let sealed = try sealer.seal(Self.bytes, at: self.place)
        for index in sealed.indices {
            var altered = sealed
            altered[index] ^= 1
            #expect(sealer.open(altered, at: self.place) == nil)
        }
        #expect(sealer.open(Data(), at: self.place) == nil)
        #expect(sealer.open(sealed.dropLast(), at: self.place) == nil)
        #expect(Sealer(master: SymmetricKey(size: .bits256)).open(sealed, at: self.place) == nil)
    }

    @Test(
        arguments: [
            Sealer.Place("credential v1", "two", "fake", "00", "cred_1"),
            Sealer.Place("credential v1", "one", "other", "00", "cred_1"),
            Sealer.Place("credential v1", "one", "fake", "01", "cred_1"),
            Sealer.Place("credential v1", "one", "fake", "00", "cred_2"),
            Sealer.Place("credential v2", "one", "fake", "00", "cred_1"),
            Sealer.Place("credential v1", "onef", "ake", "00", "cred_1"),
            Sealer.Place("credential v1", "one3:fake", "00", "cred_1"),
        ]
    )
    func opensNothingAtAnotherPlace(_ other: Sealer.Place) throws {
        let sealer = Sealer(master: SymmetricKey(size: .bits256))
        #expect(sealer.open(try sealer.seal(Self.bytes, at: self.place), at: other) == nil)
    }

    // MARK: Opening

    @Test func rootIsTheFirstMasterSecretSoThatReplicasAgree() async throws {
        let fixture = try StoreFixture()
        #expect(try await fixture.vault().root == fixture.secret)
        #expect(try await fixture.vault().root == fixture.secret)
    }

    @Test func refusesAnotherConfiguredMasterSecret() async throws {
        let fixture = try StoreFixture()
        _ = try await fixture.vault()
        await #expect(throws: MasterSecret.Failure.wrongMaster(place: "secrets.key")) {
            try await Vault.open(fixture.store, configured: Secret(SymmetricKey(size: .bits256).text))
        }
        #expect(try await fixture.vault().root == fixture.secret)
    }

    @Test func refusesAnotherFileAndNamesIt() async throws {
        let fixture = try StoreFixture()
        let path = fixture.folder.path + "/secret.key"
        let root = try await Vault.open(fixture.store, configured: nil).root
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        // A lost file is not made anew: the store would open with nothing in it.
        await #expect(throws: MasterSecret.Failure.self) { try await Vault.open(fixture.store, configured: nil) }
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try MasterSecret.create(path, holding: SymmetricKey(size: .bits256)))
        let failure = await #expect(throws: MasterSecret.Failure.wrongMaster(place: path)) {
            try await Vault.open(fixture.store, configured: nil)
        }
        #expect(failure?.description.contains(path) == true)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        #expect(try await Vault.open(fixture.store, configured: nil).root == root)
    }

    @Test func ofTwoFirstStartsAtOnceBothHaveOneRoot() async throws {
        let fixture = try StoreFixture()
        async let one = Vault.open(fixture.store, configured: nil)
        async let two = Vault.open(try Store(directory: fixture.folder.path), configured: nil)
        #expect(try await one.root == two.root)
    }
}
