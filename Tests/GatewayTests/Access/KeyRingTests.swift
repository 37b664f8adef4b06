// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import GRDB
import Testing

@testable import Gateway

@Suite struct KeyRingTests {
    private let settings = KeySettings(name: "ci", scopes: [.read])

    @Test func recognisesItsKeys() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let limits = RateLimitPolicy(requests: RequestRate(5, per: .second), burst: 2)
        let full = KeySettings(
            name: "one",
            scopes: [.read, .delete],
            providers: Set([ProviderID("vagon")].compactMap { $0 }),
            sessions: [SessionGlob("a*")].compactMap { $0 },
            limits: limits,
            expiresAt: fixture.time.now + 60
        )
        let new = try await ring.create(full)
        let caller = try #require(try await ring.authenticate(new.key.secret.reveal()))
        #expect(caller.id == new.stored.id && caller.id.wholeMatch(of: /key_[0-9A-Za-z]{16}/) != nil)
        #expect(caller.scopes == [.read, .delete] && caller.limits == limits)
        #expect(caller.providers == full.providers && caller.sessions == full.sessions)
        #expect(caller.expiresAt == full.expiresAt)
        // And as read back from the store.
        #expect(try await fixture.otherProcess().authenticate(new.key.secret.reveal()) == caller)
        #expect(try await ring.show(new.stored.id)?.settings == full)
    }

    @Test func refusesUnknownKeys() async throws {
        let ring = try StoreFixture().ring()
        _ = try await ring.create(self.settings)
        #expect(try await ring.authenticate(GatewayKey.generate().secret.reveal()) == nil)
    }

    @Test func refusesRevokedKeysWithTheNextRequest() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(self.settings)
        #expect(try await ring.authenticate(new.key.secret.reveal()) != nil)
        #expect(try await ring.revoke(new.stored.id)?.revokedAt == fixture.time.now)
        #expect(try await ring.authenticate(new.key.secret.reveal()) == nil)
    }

    @Test func revokingAgainKeepsTheFirstTime() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let id = try await ring.create(self.settings).stored.id
        let first = try await ring.revoke(id)?.revokedAt
        fixture.time.advance(10)
        #expect(try await ring.revoke(id)?.revokedAt == first)
        #expect(try await ring.revoke("key_unknown") == nil)
    }

    @Test func refusesExpiredKeys() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(
            KeySettings(name: "short", scopes: [.read], expiresAt: fixture.time.now.addingTimeInterval(10))
        )
        #expect(try await ring.authenticate(new.key.secret.reveal()) != nil)
        fixture.time.advance(10)
        #expect(try await ring.authenticate(new.key.secret.reveal()) == nil)
    }

    @Test func followsAnotherProcessWithinASecond() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let commandLine = try fixture.otherProcess()
        let new = try await ring.create(self.settings)
        #expect(try await ring.authenticate(new.key.secret.reveal()) != nil)
        _ = try await commandLine.revoke(new.stored.id)
        fixture.time.advance(0.6)
        #expect(try await ring.authenticate(new.key.secret.reveal()) == nil)
        let other = try await commandLine.create(self.settings)
        fixture.time.advance(0.6)
        #expect(try await ring.authenticate(other.key.secret.reveal()) != nil)
    }

    @Test func followsAChangeMadeByHand() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(self.settings)
        try await fixture.store.write { try $0.execute(sql: "DELETE FROM gateway_key") }
        fixture.time.advance(0.6)
        #expect(try await ring.authenticate(new.key.secret.reveal()) == nil)
    }

    @Test func doesNotAskTheStoreForEachRequest() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(self.settings)
        try fixture.store.close()  // Whatever is asked from now on fails.
        for _ in 0..<100 { #expect(try await ring.authenticate(new.key.secret.reveal()) != nil) }
        fixture.time.advance(0.6)
        await #expect(throws: StoreError.self) { try await ring.authenticate(new.key.secret.reveal()) }
        // And again: a failure is not taken for "nothing changed".
        await #expect(throws: StoreError.self) { try await ring.authenticate(new.key.secret.reveal()) }
    }

    @Test func followsTheStoreAlsoAfterTheClockWasSetBack() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(self.settings)
        _ = try await fixture.otherProcess().revoke(new.stored.id)
        fixture.time.advance(-3600)
        #expect(try await ring.authenticate(new.key.secret.reveal()) == nil)
    }

    @Test func narrowsWithTheNextRequest() async throws {
        let ring = try StoreFixture().ring()
        let new = try await ring.create(KeySettings(name: "a", scopes: [.admin]))
        #expect(try await ring.authenticate(new.key.secret.reveal())?.scopes == [.admin])
        var change = KeyChange()
        change.scopes = [.read]
        _ = try await ring.change(new.stored.id, change).get()
        #expect(try await ring.authenticate(new.key.secret.reveal())?.scopes == [.read])
    }

    @Test func storesNeitherSecretNorAnUnkeyedHashOfIt() async throws {
        let fixture = try StoreFixture()
        let text = try await fixture.ring().create(self.settings).key.secret.reveal()
        try await fixture.store.database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        let file = try Data(contentsOf: URL(fileURLWithPath: fixture.folder.path + "/sluice.sqlite"))
        #expect(file.range(of: Data(text.utf8)) == nil)
        #expect(file.range(of: Data(text.utf8.dropFirst(4))) == nil)
        #expect(file.range(of: Data(SHA256.hash(data: Data(text.utf8)))) == nil)
    }

    @Test func anotherMasterSecretKnowsNoKey() async throws {
        let fixture = try StoreFixture()
        let new = try await fixture.ring().create(self.settings)
        let other = KeyRing(store: fixture.store, masterSecret: SymmetricKey(size: .bits256), clock: fixture.time.clock)
        #expect(try await other.authenticate(new.key.secret.reveal()) == nil)
    }

    @Test(arguments: ["' OR '1'='1", "slc_' OR 1=1 --", "x'; DROP TABLE gateway_key; --", "slc_\u{0}"])
    func litellmCVE_2026_42208_keyLookupIsBound(attack: String) async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(self.settings)
        #expect(try await ring.authenticate(attack) == nil)
        #expect(try await ring.show(attack) == nil)
        #expect(try await ring.revoke(attack) == nil)
        var change = KeyChange()
        change.name = attack
        change.scopes = [.read]
        let named = try await ring.create(change.newSettings)
        // SQLite's texts end at a NUL, which no name may have.
        let isName = change.problems(at: fixture.time.now).isEmpty
        #expect(try await ring.show(named.stored.id)?.settings.name == attack || !isName)
        #expect(try await ring.authenticate(new.key.secret.reveal()) != nil)
    }

    @Test func judgesSettings() {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        var change = KeyChange()
        #expect(change.problems(at: now) == [])
        change.name = "ci"
        change.scopes = [.read]
        change.expiresAt = now + 1
        #expect(change.problems(at: now) == [])
        change.name = "a\nb"
        change.scopes = []
        change.providers = []
        change.sessions = []
        change.expiresAt = now
        let fields = ["name", "scopes", "providers", "sessions", "expiresAt"]
        #expect(change.problems(at: now).map(\.field) == fields)
    }

    @Test func rotatedKeysLiveForTheirGrace() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let old = try await ring.create(self.settings)
        let new = try await ring.rotate(old.stored.id, grace: .seconds(30)).get()
        #expect(new.stored.id == old.stored.id && new.key != old.key)
        #expect(try await ring.authenticate(old.key.secret.reveal())?.id == old.stored.id)
        #expect(try await ring.authenticate(new.key.secret.reveal())?.id == old.stored.id)
        fixture.time.advance(30)
        #expect(try await ring.authenticate(old.key.secret.reveal()) == nil)
        #expect(try await ring.authenticate(new.key.secret.reveal()) != nil)
    }

    @Test func litellmCVE_2026_12796_rotationEndsTheOldSecret() async throws {
        let ring = try StoreFixture().ring()
        let old = try await ring.create(self.settings)
        let first = try await ring.rotate(old.stored.id).get()
        #expect(try await ring.authenticate(old.key.secret.reveal()) == nil)
        // A second rotation ends what was in its grace, and revoking ends both.
        let second = try await ring.rotate(old.stored.id, grace: .seconds(60)).get()
        #expect(try await ring.authenticate(first.key.secret.reveal()) != nil)
        _ = try await ring.revoke(old.stored.id)
        #expect(try await ring.authenticate(first.key.secret.reveal()) == nil)
        #expect(try await ring.authenticate(second.key.secret.reveal()) == nil)
        let refused = try await ring.rotate(old.stored.id)
        #expect(throws: KeyRing.Refusal.revoked) { try refused.get() }
    }

    @Test func showsWhenAKeyWasLastUsed() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let new = try await ring.create(self.settings)
        #expect(try await ring.show(new.stored.id)?.lastUsedAt == nil)
        fixture.time.advance(5)
        _ = try await ring.authenticate(new.key.secret.reveal(), from: "192.0.2.1")
        let shown = try await ring.list().first
        #expect(shown?.lastUsedAt == fixture.time.now && shown?.lastUsedFrom == "192.0.2.1")
    }

    @Test func lastUsesAreWrittenInBatches() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let keys = [try await ring.create(self.settings), try await ring.create(self.settings)]
        try await fixture.store.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE written (id TEXT);
                    CREATE TRIGGER used AFTER UPDATE ON gateway_key BEGIN INSERT INTO written VALUES (new.id); END;
                    """
            )
        }
        let written = { @Sendable in
            try await fixture.store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM written") }
        }
        for number in 0..<500 {
            for key in keys {
                _ = try await ring.authenticate(key.key.secret.reveal(), from: "192.0.2.\(number % 250)")
            }
            // Who is not let in leaves nothing behind that could pile up.
            _ = try await ring.authenticate(GatewayKey.generate().secret.reveal(), from: "198.51.100.1")
        }
        #expect(try await written() == 0)
        try await ring.recordUses()
        #expect(try await written() == 2)
        try await ring.recordUses()
        #expect(try await written() == 2)
        #expect(try await ring.list().map(\.lastUsedFrom) == ["192.0.2.249", "192.0.2.249"])
    }

    /// What the answer to one of them costs, the answers to the others cost too: the same look-up, in the same place.
    @Test func unknownRevokedAndExpiredKeysTakeTheSameSteps() async throws {
        let fixture = try StoreFixture()
        let ring = fixture.ring()
        let revoked = try await ring.create(self.settings)
        let expired = try await ring.create(KeySettings(name: "e", scopes: [.read], expiresAt: fixture.time.now + 1))
        let rotated = try await ring.create(self.settings)
        _ = try await ring.revoke(revoked.stored.id)
        _ = try await ring.rotate(rotated.stored.id, grace: .seconds(1)).get()
        fixture.time.advance(1)
        try await ring.follow(at: fixture.time.now)
        try fixture.store.close()  // Whatever is asked from now on fails.
        let keys = [GatewayKey.generate(), revoked.key, expired.key, rotated.key].map { $0.secret.reveal() }
        for key in keys { #expect(try await ring.authenticate(key) == nil) }
        fixture.time.advance(0.6)
        for key in keys { await #expect(throws: StoreError.self) { try await ring.authenticate(key) } }
        // What cannot be a key is refused before anything is asked: by its length, and by its check characters.
        for key in [String(repeating: "x", count: 1 << 20), String(keys[0].dropLast()) + "!", "slc_", ""] {
            #expect(try await ring.authenticate(key) == nil)
        }
    }

    @Test func aRowThatCannotBeReadIsNoKeyWithoutNarrowing() async throws {
        let fixture = try StoreFixture()
        let new = try await fixture.ring().create(self.settings)
        try await fixture.store.write { try $0.execute(sql: "UPDATE gateway_key SET providers = '[\"vagon\"'") }
        #expect(try await fixture.otherProcess().authenticate(new.key.secret.reveal()) == nil)
    }

    @Test func manyAtOnceAreAllRecognised() async throws {
        let ring = try StoreFixture().ring()
        let text = try await ring.create(self.settings).key.secret.reveal()
        let count = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<500 { group.addTask { (try? await ring.authenticate(text)) != nil } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(count == 500)
    }
}
