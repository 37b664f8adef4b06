// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

/// Whom the gateway believes where a request came from.
@Suite struct ForwardedAddressTests {
    private static let proxies = ["10.0.0.0/8", "2001:db8::/32"]

    private func address(
        peer: String = "10.0.0.1",
        _ fields: [(String, String)],
        trusting ranges: [String] = Self.proxies
    ) throws -> String? {
        var headers = HTTPFields()
        for (name, value) in fields {
            headers.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        return TrustedProxies(ranges: ranges.compactMap { AddressRange($0) })
            .clientAddress(peer: try SocketAddress(ipAddress: peer, port: 1), headers: headers)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.9, 192.0.2.1", "192.0.2.1"), ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("192.0.2.1,10.0.0.2 ,\t2001:db8::7", "192.0.2.1"), ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("192.0.2.1:4711", "192.0.2.1"), ("[2a00::1]:4711", "2a00::1"), ("[2a00::1]", "2a00::1"),
        ("2a00::1", "2a00::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1"),
    ])
    func theLastThatIsNoProxyAsked(_ field: String, _ address: String) throws {
        #expect(try self.address([("X-Forwarded-For", field)]) == address)
    }

    @Test(arguments: [
        "", "unknown", "192.0.2.1, unknown", "192.0.2.1, ", "192.0.2.1, 10.0.0.2:", "192.0.2.1, 10.0.0.2:x",
        "192.0.2.1, 10.0.0.2:123456", "192.0.2.1, [10.0.0.2]", "192.0.2.1, [::1", "192.0.2.1, ::1]", "192.0.2.1, []",
        "192.0.2.1, [::1]x", "192.0.2.1, 10.0.0.256", "192.0.2.1, \"10.0.0.2\"", "192.0.2.1, fe80::1%eth0",
        "192.0.2.1, 10.0.0.2:+1", "192.0.2.1, localhost", "192.0.2.1 10.0.0.2", "192.0.2.1;10.0.0.2",
    ])
    func whatIsMalformedIsNotLookedBehind(_ field: String) throws {
        #expect(try self.address([("X-Forwarded-For", field)]) == "10.0.0.1")
        #expect(try self.address([("X-Forwarded-For", field + ", 10.0.0.7")]) == "10.0.0.7")
    }

    @Test func fieldLinesAreOneList() throws {
        let lines = [
            ("X-Forwarded-For", "192.0.2.9"), ("x-forwarded-for", "192.0.2.1"), ("X-Forwarded-For", "10.0.0.2"),
        ]
        #expect(try self.address(lines) == "192.0.2.1")
    }

    @Test func theWayIsBounded() throws {
        let long = Array(repeating: "10.0.0.2", count: TrustedProxies.longestChain)
        #expect(try self.address([("X-Forwarded-For", (["192.0.2.1"] + long).joined(separator: ","))]) == "10.0.0.2")
        let longest = ["192.0.2.1"] + long.dropFirst()
        #expect(try self.address([("X-Forwarded-For", longest.joined(separator: ","))]) == "192.0.2.1")
    }

    @Test(arguments: [
        ("for=192.0.2.1", "192.0.2.1"), ("For=\"192.0.2.1:80\";proto=https;by=10.0.0.1", "192.0.2.1"),
        ("for=\"[2a00::1]:4711\"", "2a00::1"), ("for=192.0.2.9, for=192.0.2.1 , for=10.0.0.2", "192.0.2.1"),
        ("for=192.0.2.1;host=\"a,b;for=192.0.2.8\"", "192.0.2.1"), ("for=192.0.2.1;", "192.0.2.1"),
        // Malformed, hidden or missing: the proxy that passed it on.
        ("for=unknown", "10.0.0.1"), ("for=_hidden", "10.0.0.1"), ("proto=https", "10.0.0.1"), ("for", "10.0.0.1"),
        ("for=192.0.2.1;for=192.0.2.2", "10.0.0.1"), ("for=\"192.0.2.1", "10.0.0.1"), ("for=192.0.2.1\"", "10.0.0.1"),
        ("for=192.0.2.9, for=_x", "10.0.0.1"), ("for=\"192.0.2\\.1\"", "10.0.0.1"),
    ])
    func forwardedIsReadTheSameWay(_ field: String, _ address: String) throws {
        #expect(try self.address([("Forwarded", field)]) == address)
    }

    @Test func forwardedCountsOnlyWithoutTheOther() throws {
        let both = [("Forwarded", "for=192.0.2.9"), ("X-Forwarded-For", "192.0.2.1")]
        #expect(try self.address(both) == "192.0.2.1")
        #expect(try self.address([("Forwarded", "for=192.0.2.9"), ("X-Forwarded-For", "")]) == "10.0.0.1")
    }

    /// A quote that the client leaves open must not swallow what the proxy appends.
    @Test(arguments: ["a=\"", "a=\"\\", "\"", "for=\"", "for=192.0.2.8;a=\";b=\""])
    func aQuoteLeftOpenHidesNobody(_ prefix: String) throws {
        for appended in [
            "for=192.0.2.1", "for=\"192.0.2.1\"", "for=\"192.0.2.1:9\";by=\"x\"", "by=\"x\";for=192.0.2.1",
        ] {
            for client in [prefix, "for=192.0.2.9;\(prefix)", "for=192.0.2.9, \(prefix)"] {
                let address = try self.address([("Forwarded", "\(client), \(appended)")])
                #expect(address == "10.0.0.1" || address == "192.0.2.1", "\(client), \(appended)")
            }
        }
    }

    // MARK: Incidents

    /// Envoy CVE-2024-45806: private addresses were trusted unless told otherwise.
    @Test(arguments: ["127.0.0.1", "::1", "10.0.0.1", "192.168.0.1", "fd00::1", "192.0.2.7"])
    func envoyCVE_2024_45806_nobodyIsTrustedByDefault(_ peer: String) throws {
        let fields = [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")]
        #expect(Gateway.Configuration().server.trustedProxies.isEmpty)
        #expect(try self.address(peer: peer, fields, trusting: []) == peer)
    }

    /// oauth2-proxy CVE-2026-40575: forwarded fields of clients that did not come through the proxy were believed.
    @Test func oauth2ProxyCVE_2026_40575_aClientBesideTheProxyIsNotBelieved() throws {
        let fields = [("X-Forwarded-For", "10.0.0.1, 203.0.113.9"), ("X-Real-IP", "203.0.113.9")]
        #expect(try self.address(peer: "192.0.2.7", fields) == "192.0.2.7")
        #expect(try self.address(peer: "::ffff:192.0.2.7", fields) == "192.0.2.7")
    }

    /// Traefik CVE-2024-45410, Fabio CVE-2025-48865: a client named the proxy's own fields hop-by-hop, and they went.
    @Test func traefikCVE_2024_45410_connectionCannotTakeTheAddressAway() throws {
        let fields = [("Connection", "close, X-Forwarded-For"), ("X-Forwarded-For", "192.0.2.9, 192.0.2.1")]
        #expect(try self.address(fields) == "192.0.2.1")
    }

    /// oauth2-proxy CVE-2025-64484: `X_Forwarded_For` became `X-Forwarded-For`.
    @Test func oauth2ProxyCVE_2025_64484_anUnderscoreIsNotADash() async throws {
        let fixture = try await GatewayFixture([]) { configuration in
            configuration.server.trustedProxies = ["192.0.2.0/24"].compactMap { AddressRange($0) }
        }
        var headers = HTTPFields()
        headers.append(HTTPField(name: try #require(HTTPField.Name("X_Forwarded_For")), value: "203.0.113.9"))
        let answer = try await fixture.send(.get, "/v1/downloads", headers: headers)
        #expect(answer.problemFields == ["X_Forwarded_For"])
        #expect(try await fixture.log().map(\.address) == ["192.0.2.7"])
    }

    /// Envoy CVE-2023-27487, oauth2-proxy CVE-2026-40575: a field stood in for the path that was authorised.
    @Test func envoyCVE_2023_27487_forwardedFieldsChangeNothingButTheAddress() async throws {
        let provider = try FakeProvider("alpha")
        provider.add("x.txt")
        let fixture = try await GatewayFixture([provider]) { configuration in
            configuration.server.trustedProxies = ["192.0.2.0/24"].compactMap { AddressRange($0) }
        }
        var headers: HTTPFields = [.accept: "application/json"]
        for name in [
            "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Original-URL",
            "X-Rewrite-URL", "X-Envoy-Original-Path", "X-Forwarded-Method", "X-HTTP-Method-Override",
        ] {
            headers.append(HTTPField(name: try #require(HTTPField.Name(name)), value: "/healthz"))
        }
        #expect(try await fixture.send(.get, "/v1/downloads", key: nil, headers: headers).status == .unauthorized)
        let plain = try await fixture.json("/v1/downloads")["downloads"]
        #expect(try await fixture.json("/v1/downloads", headers: headers)["downloads"] == plain)
    }

    // MARK: Where it is told

    @Test func theLogAndTheKeysLastUseHaveTheClientsAddress() async throws {
        let fixture = try await GatewayFixture([]) { configuration in
            configuration.server.trustedProxies = ["192.0.2.0/24"].compactMap { AddressRange($0) }
        }
        let key = try await fixture.key()
        let name = try #require(HTTPField.Name("X-Forwarded-For"))
        _ = try await fixture.send(.get, "/v1/providers", key: key, headers: [name: "203.0.113.1, 203.0.113.9"])
        #expect(try await fixture.log().map(\.address) == ["203.0.113.9"])
        try await fixture.gateway.keys.recordUses()
        #expect(try await fixture.json("/v1/keys")["keys"][0]["lastUsedFrom"] == "203.0.113.9")
    }

    @Test func overASocketToo() async throws {
        let fixture = try await GatewayFixture([]) { configuration in
            configuration.server.trustedProxies = ["127.0.0.1", "::1"].compactMap { AddressRange($0) }
        }
        try await fixture.live { port in
            let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nX-Forwarded-For: 203.0.113.9\r\n"
            _ = try await RawClient.exchange(port, request + "Connection: close\r\n\r\n")
            #expect(try await fixture.logEntry(of: "a").address == "203.0.113.9")
        }
    }
}
