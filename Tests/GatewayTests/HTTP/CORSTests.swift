// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Testing

@testable import Gateway

@Suite struct CORSTests {
    private static let page = "https://app.example.com"

    private func fixture(_ origins: [String]) async throws -> GatewayFixture {
        try await GatewayFixture([]) { $0.server.corsOrigins = origins }
    }

    @Test(arguments: [[Self.page], ["*"]])
    func pagesOfAllowedOriginsMayReadAnswersAndProblems(_ origins: [String]) async throws {
        let fixture = try await self.fixture(origins)
        for (key, status) in [(GatewayFixture.adminKey, HTTPResponse.Status.ok), ("wrong", .unauthorized)] {
            let answer = try await fixture.send(.get, "/v1/providers", key: key, headers: [.origin: Self.page])
            #expect(answer.status == status)
            #expect(answer.headers[.accessControlAllowOrigin] == Self.page)
            #expect(answer.headers[values: .vary].contains("Origin"))
            #expect(answer.headers[.accessControlExposeHeaders]?.contains("X-Request-Id") == true)
        }
    }

    @Test func browsersAreAnsweredBeforehandWithoutAKey() async throws {
        let fixture = try await self.fixture([Self.page])
        var headers: HTTPFields = [.origin: Self.page, .accessControlRequestMethod: "DELETE"]
        headers[.accessControlRequestHeaders] = "x-api-key"
        let answer = try await fixture.send(.options, "/v1/downloads/dl_x", key: nil, headers: headers)
        #expect(answer.status == .noContent)
        #expect(answer.headers[.accessControlAllowMethods]?.contains("DELETE") == true)
        #expect(answer.headers[.accessControlAllowHeaders] == "x-api-key")
        #expect(answer.headers[.requestID] != nil)
    }

    @Test func othersLearnNothing() async throws {
        let fixture = try await self.fixture([Self.page])
        var headers: HTTPFields = [.origin: "https://evil.example", .accessControlRequestMethod: "GET"]
        let preflight = try await fixture.send(.options, "/v1/providers", key: nil, headers: headers)
        #expect(preflight.status == .unauthorized)
        headers[.accessControlRequestMethod] = nil
        let answer = try await fixture.send(.get, "/v1/providers", headers: headers)
        #expect(answer.headers[.accessControlAllowOrigin] == nil)
        let none = try await GatewayFixture([])
        let silent = try await none.send(.get, "/v1/providers", headers: [.origin: Self.page])
        #expect(silent.headers[.accessControlAllowOrigin] == nil && silent.headers[.vary] == nil)
    }
}
