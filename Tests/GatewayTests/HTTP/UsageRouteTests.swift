// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct UsageRouteTests {
    @Test func showsWhatHasJustHappened() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", in: "s9")
        let fixture = try await GatewayFixture([provider])
        let key = try await fixture.key()
        _ = try await fixture.send(.get, fixture.path(of: download), key: key)
        _ = try await fixture.send(.get, "/v1/downloads?limit=0", key: key)
        let total = try await fixture.json("/v1/usage")["usage"].items
        #expect(total.count == 1)
        #expect(total[0].members == ["bytesIn", "bytesOut", "errors", "p50", "p95", "p99", "rateLimited", "requests"])
        #expect(total[0]["requests"] == .integer(2) && total[0]["errors"] == .integer(1))
        let grouped = try await fixture.json("/v1/usage?groupBy=provider,day&groupBy=hour")["usage"].items
        let alpha = try #require(grouped.first)
        #expect(alpha["provider"] == "alpha" && alpha["bytesOut"] == .integer(10))
        #expect(alpha["day"] == "2027-01-15T00:00:00Z" && alpha["hour"] == "2027-01-15T08:00:00Z")
        #expect(alpha["key"] == .null && !alpha.members.contains("key"))
    }

    @Test func whoIsNoAdminSeesOnlyItsOwn() async throws {
        let fixture = try await GatewayFixture([])
        let (mine, other) = (try await fixture.key([.read, .logs]), try await fixture.key([.read, .logs]))
        for key in [mine, other, other, GatewayFixture.adminKey] {
            _ = try await fixture.send(.get, "/v1/downloads", key: key)
        }
        let own = try await fixture.json("/v1/usage?groupBy=key", key: mine)["usage"].items
        #expect(own.count == 1 && own[0]["requests"] == .integer(1))
        #expect(own[0]["key"].text?.hasPrefix("key_") == true)
        #expect(try await fixture.json("/v1/usage", key: other)["usage"].items[0]["requests"] == .integer(2))
        #expect(try await fixture.json("/v1/usage?groupBy=key")["usage"].items.count == 3)
        let reader = try await fixture.key([.read])
        #expect(try await fixture.send(.get, "/v1/usage", key: reader).problemCode == "INSUFFICIENT_SCOPE")
    }

    @Test func ourOwnRefusalsAreRateLimited() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key(limits: RateLimitPolicy(requests: RequestRate(1, per: .minute), burst: 1))
        for _ in 0..<3 { _ = try await fixture.send(.get, "/v1/downloads", key: key) }
        let row = try await fixture.json("/v1/usage")["usage"].items[0]
        #expect(row["requests"] == .integer(3) && row["rateLimited"] == .integer(2) && row["errors"] == .integer(2))
    }

    @Test func saysAllFaultsAtOnce() async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(.get, "/v1/usage?groupBy=key,week&since=x&foo=1&until=")
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(Set(answer.problemFields) == ["groupBy", "since", "foo", "until"])
    }

    @Test func linesAndCSV() async throws {
        let fixture = try await GatewayFixture([])
        _ = try await fixture.send(.get, "/v1/providers")
        let csv = try await fixture.send(.get, "/v1/usage?groupBy=hour,key", headers: [.accept: "text/csv"])
        let lines = csv.text.split(separator: "\r\n")
        #expect(lines.first == "key,hour,requests,errors,rateLimited,bytesIn,bytesOut,p50,p95,p99")
        #expect(lines.count == 2 && lines[1].hasPrefix("admin,2027-01-15T08:00:00Z,1,0,0,0,"))
        let json = try await fixture.send(.get, "/v1/usage", headers: [.accept: "application/x-ndjson"])
        #expect(json.text.hasPrefix("{\"bytesIn\":0,") && json.text.hasSuffix("}\n"))
        #expect(try await fixture.send(.get, "/v1/usage", headers: [.accept: "text/html"]).status == .notAcceptable)
    }
}
