// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// What a running gateway takes over from a configuration that was read again.
@Suite struct ReloadTests {
    private func names(_ fixture: GatewayFixture) async throws -> [String] {
        try await fixture.json("/v1/providers")["providers"].items.compactMap { $0["name"].text }
    }

    private func provider(_ name: String) throws -> ProviderConfiguration {
        ProviderConfiguration(id: try #require(ProviderID(name)), kind: "fake")
    }

    @Test func providersComeAndGoAndWhatIsAsItWasGoesOn() async throws {
        let (alpha, beta) = (try FakeProvider("alpha"), try FakeProvider("beta"))
        let download = alpha.add("x.bin", bytes: Data("12345".utf8))
        let fixture = try await GatewayFixture([alpha, beta])
        let health = fixture.gateway.providers.first?.entry.health
        var configuration = Gateway.Configuration()
        configuration.providers = [try self.provider("alpha")]
        try await fixture.gateway.reload(configuration, factory: nil, tokens: try JWTForge.verifier([]))
        #expect(try await self.names(fixture) == ["alpha"])
        #expect(fixture.gateway.providers.first?.entry.health === health)
        #expect(try await fixture.send(.get, fixture.path(of: download)).text == "12345")
        configuration.providers.append(try self.provider("beta"))
        try await fixture.gateway.reload(configuration, factory: nil, tokens: try JWTForge.verifier([]))
        #expect(try await self.names(fixture) == ["alpha", "beta"])
    }

    @Test func whatCannotBeMadeChangesNothing() async throws {
        let alpha = try FakeProvider("alpha")
        let fixture = try await GatewayFixture([alpha])
        var configuration = Gateway.Configuration()
        configuration.server.maxInFlight = 1
        var wrong = try self.provider("wrong")
        wrong.settings = ["shape": "round"]
        configuration.providers = [wrong]
        await #expect(throws: FieldProblem.self) {
            try await fixture.gateway.reload(configuration, factory: nil, tokens: try JWTForge.verifier([]))
        }
        #expect(try await self.names(fixture) == ["alpha"])
        #expect(fixture.gateway.server.current.maxInFlight == Gateway.Configuration().server.maxInFlight)
    }

    @Test func providersOfTheAPIStay() async throws {
        let (alpha, beta) = (try FakeProvider("alpha"), try FakeProvider("beta"))
        let fixture = try await GatewayFixture([alpha], upstreams: [beta])
        let made = try await fixture.send(
            .post,
            "/v1/providers",
            headers: [.contentType: "application/json"],
            body: #"{"name":"beta","kind":"fake","baseURL":"https://b.example","credentials":[{"apiKey":"k"}]}"#
        )
        #expect(made.status == .created, "\(made.text)")
        try await fixture.gateway.reload(Gateway.Configuration(), factory: nil, tokens: try JWTForge.verifier([]))
        #expect(try await self.names(fixture) == ["beta"])
    }

    @Test func limitsAndBoundsHoldForTheNextRequest() async throws {
        let fixture = try await GatewayFixture([])
        #expect(try await fixture.send(.get, "/v1/providers").headers[.rateLimitPolicy] == nil)
        var configuration = Gateway.Configuration()
        configuration.defaultLimits = RateLimitPolicy(requests: RequestRate(7, per: .minute))
        configuration.server.maxTargetBytes = 300
        try await fixture.gateway.reload(configuration, factory: nil, tokens: try JWTForge.verifier([]))
        #expect(try await fixture.send(.get, "/v1/providers").headers[.rateLimitPolicy]?.contains("q=7") == true)
        let long = "/v1/providers?" + String(repeating: "x", count: 300)
        #expect(try await fixture.send(.get, long).problemCode == "INVALID_REQUEST")
        #expect(fixture.gateway.counts.snapshot.refusals == [.longTarget: 1])
    }
}
