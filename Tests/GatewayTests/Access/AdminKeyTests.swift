// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

/// Who holds `SLUICE_ADMIN_KEY`, or, where there is none, the first key.
@Suite struct AdminKeyTests {
    @Test func recognisesTheAdminKeyWithoutARow() async throws {
        let ring = try StoreFixture().ring(adminKey: "correct horse battery".replacing(" ", with: "-"))
        #expect(try await ring.authenticate("correct-horse-battery") == .admin)
        #expect(try await ring.authenticate("correct-horse-batterz") == nil)
        #expect(try await ring.authenticate("correct-horse-batter") == nil)
        #expect(try await ring.authenticate("correct-horse-batteryy") == nil)
        #expect(try await ring.list().isEmpty)
    }

    @Test func withoutAnAdminKeyThereIsNone() async throws {
        for key in [nil, ""] {
            let ring = try StoreFixture().ring(adminKey: key)
            #expect(try await ring.authenticate("") == nil)
            #expect(try await ring.authenticate(String(repeating: "-", count: 512)) == nil)
            #expect(try await ring.authenticate(String(repeating: "-", count: 256)) == nil)
        }
    }

    @Test func judgesAdminKeys() {
        #expect(KeyRing.problem(withAdminKey: Secret(String(repeating: "k", count: 16))) == nil)
        #expect(KeyRing.problem(withAdminKey: Secret(String(repeating: "k", count: 256))) == nil)
        for bad in ["", "short", String(repeating: "k", count: 257), "sixteen chars ok", "ééééééééééééééééé"] {
            let problem = KeyRing.problem(withAdminKey: Secret(bad))
            #expect(problem != nil, "\(bad)")
            #expect(bad.isEmpty || problem?.message.contains(bad) == false)
        }
    }

    @Test func makesTheFirstKeyOnce() async throws {
        let fixture = try StoreFixture()
        #expect(try await fixture.ring(adminKey: "an-admin-key-from-outside").createFirstKeyIfNeeded() == nil)
        let ring = fixture.ring()
        let other = try fixture.otherProcess()
        async let one = ring.createFirstKeyIfNeeded()
        async let two = other.createFirstKeyIfNeeded()
        let made = try await [one, two].compactMap { $0 }
        #expect(made.count == 1)
        let secret = try #require(made.first?.key.secret.reveal())
        #expect(try await fixture.ring().authenticate(secret)?.may(.admin) == true)
    }
}
