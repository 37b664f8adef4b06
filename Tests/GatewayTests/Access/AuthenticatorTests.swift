// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct AuthenticatorTests {
    private func authenticator(_ fixture: StoreFixture, adminKey: String? = nil) throws -> Authenticator {
        Authenticator(keys: fixture.ring(adminKey: adminKey), tokens: try JWTForge.verifier([JWTForge.issuer()]))
    }

    @Test func takesKeysFromEveryCarrierAndTokensFromBearerOnly() async throws {
        let fixture = try StoreFixture()
        let key = try await fixture.ring().create(KeySettings(name: "a", scopes: [.read])).key.secret.reveal()
        let authenticator = try self.authenticator(fixture)
        for carrier in [Authenticator.Carrier.bearer, .apiKey] {
            #expect(try await authenticator.authenticate(key, in: carrier, now: JWTForge.now).displayName == "a")
        }
        let token = JWTForge.token(payload: JWTForge.payload())
        #expect(try await authenticator.authenticate(token, in: .bearer, now: JWTForge.now).displayName == "alice")
        await #expect(throws: Authenticator.Refusal.self) {
            try await authenticator.authenticate(token, in: .apiKey, now: JWTForge.now)
        }
    }

    @Test func onlyTokensAreToldThatTheyExpired() async throws {
        let fixture = try StoreFixture()
        let authenticator = try self.authenticator(fixture)
        let token = JWTForge.token(payload: JWTForge.payload())
        await #expect {
            try await authenticator.authenticate(token, in: .bearer, now: Date(timeIntervalSince1970: 1_900_000_000))
        } throws: { error in
            guard case .tokenExpired? = error as? Authenticator.Refusal else { return false }
            return true
        }
        let settings = KeySettings(name: "a", scopes: [.read], expiresAt: fixture.time.now - 1)
        let key = try await fixture.ring().create(settings).key.secret.reveal()
        await #expect {
            try await authenticator.authenticate(key, in: .bearer, now: JWTForge.now)
        } throws: { error in
            guard case .unauthenticated? = error as? Authenticator.Refusal else { return false }
            return true
        }
    }

    @Test func anAdminKeyMayHaveDots() async throws {
        let authenticator = try self.authenticator(StoreFixture(), adminKey: "an.admin.key-with-dots")
        #expect(
            try await authenticator.authenticate("an.admin.key-with-dots", in: .bearer, now: JWTForge.now) == .admin
        )
    }

    @Test func tellsAStoreThatFails() async throws {
        let fixture = try StoreFixture()
        let authenticator = try self.authenticator(fixture)
        try fixture.store.close()
        await #expect {
            try await authenticator.authenticate(GatewayKey.generate().secret.reveal(), in: .apiKey, now: JWTForge.now)
        } throws: { error in
            guard case .unavailable? = error as? Authenticator.Refusal else { return false }
            return true
        }
    }
}
