// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct EgressTests {
    private static let nothingAllowed = EgressPolicy()

    /// Every way to write an IPv4 address that some parser reads as that address.
    private static func spellings(_ parts: [Int]) -> [String] {
        let number = parts.reduce(0) { $0 << 8 | $1 }
        let hex = { (value: Int) in String(value, radix: 16) }
        let octal = { (value: Int) in "0" + String(value, radix: 8) }
        let dotted = parts.map(String.init).joined(separator: ".")
        let groups = hex(parts[0] << 8 | parts[1]) + ":" + hex(parts[2] << 8 | parts[3])
        return [
            dotted, dotted + ".", "\(number)", "\(number).", "0x\(hex(number))", "0X\(hex(number).uppercased())",
            octal(number),
            parts.map(octal).joined(separator: "."), parts.map { "0x\(hex($0))" }.joined(separator: "."),
            "\(parts[0]).\(parts[1]).\(parts[2] << 8 | parts[3])",
            "\(parts[0]).\(parts[1] << 16 | parts[2] << 8 | parts[3])",
            "\(octal(parts[0])).\(parts[1]).0x\(hex(parts[2])).\(parts[3])", "[::ffff:\(dotted)]", "[::ffff:\(groups)]",
            "[0:0:0:0:0:ffff:\(groups)]", "[::\(dotted)]", "[64:ff9b::\(groups)]", "[64:ff9b:1::\(groups)]",
            "[2002:\(groups)::]", "[2001:0:\(groups)::1]", "%3\(dotted.first ?? "0")" + dotted.dropFirst(),
            dotted + "%2e",
            "[\(dotted)]", "a@\(dotted)", "\(dotted)\\@example.org",
        ]
    }

    private static let inner: [[Int]] = [
        [10, 255, 255, 254], [172, 31, 255, 254], [192, 168, 0, 254], [169, 254, 0, 1], [127, 255, 255, 254],
        [198, 18, 0, 1], [192, 0, 2, 1], [203, 0, 113, 7], [224, 0, 0, 1], [240, 0, 0, 1], [100, 127, 255, 254],
        [127, 0, 0, 1], [127, 1, 2, 3], [10, 0, 0, 1], [172, 16, 5, 4], [192, 168, 1, 1], [169, 254, 169, 254],
        [100, 64, 0, 1], [0, 0, 0, 0], [100, 100, 100, 200],
    ]

    private static let others = [
        "localhost", "LOCALHOST", "localhost.", "127.1", "127.1.", "127.0.1", "0", "0x0", "0x7f.1", "017700000001",
        "[::]",
        "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::1%25lo]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]",
        "[fc00::1]",
        "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[2001:10::1]", "[5f00::1]",
        "[4000::1]",
        "\u{2460}\u{2461}\u{2466}.0.0.1", "127\u{3002}0\u{3002}0\u{3002}1", "\u{ff11}27.0.0.1", "lo\u{212a}alhost",
        "127.0.0.1 ",
        "[::1", "::1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.0.8", "192.0.2.1",
        "203.0.113.7",
        "198.51.100.9", "192.88.99.1", "0.1.2.3",
    ]

    @Test func noSpellingOfAnInnerAddressReachesACanary() async throws {
        let spellings = Self.inner.flatMap(Self.spellings) + Self.others
        #expect(spellings.count >= 500)
        let second = try await RawServer.start(host: "::1") { connection in try await connection.answer(body: "leaked")
        }
        var refused = 0
        // Some spellings are names to libcurl, and a name server that does not answer must not make the test long.
        let limits = TransferLimits(connect: .milliseconds(500))
        try await withCanary { client, port in
            for spelling in spellings {
                for port in [port, second.port] {
                    do {
                        _ = try await client.execute(
                            TransferRequest(url: "http://\(spelling):\(port)/", limits: limits)
                        )
                        Issue.record("\(spelling) was answered")
                    } catch let error as TransferError {
                        if case .addressRefused = error.kind {
                            refused += 1
                        } else {
                            #expect(
                                [.invalidURL, .connectFailed, .connectTimeout].contains(error.kind),
                                "\(spelling): \(error)"
                            )
                        }
                    }
                }
            }
        }
        #expect(refused > 600)
        #expect(second.connectionCount == 0)
        await second.shutdown()
    }

    /// A server on all addresses of this machine that must not be asked.
    private func withCanary(_ test: (TransferClient, Int) async throws -> Void) async throws {
        let canary = try await RawServer.start(host: "0.0.0.0") { connection in
            try await connection.answer(body: "leaked")
        }
        let client = TransferClient(egress: Self.nothingAllowed, logger: Logger(label: "test"))
        try await test(client, canary.port)
        #expect(client.openTransfers == 0)
        #expect(canary.connectionCount == 0)
        await client.shutdown()
        await canary.shutdown()
    }

    private func expectRefused(_ host: String, _ reason: String) async throws {
        try await self.withCanary { client, port in
            await expectFailure(.addressRefused(reason: reason)) {
                _ = try await client.execute(TransferRequest(url: "http://\(host):\(port)/"))
            }
        }
    }

    /// Who hands a URL on to be fetched elsewhere resolves nothing.
    @Test(arguments: [
        ("localhost", "loopback"), ("LOCALHOST.", "loopback"), ("a.localhost", "loopback"),
        ("metadata.google.internal", "metadata"), ("metadata", "metadata"),
    ])
    func aNameWithOneAddressEverywhereIsRefusedUnresolved(_ host: String, _ reason: String) async throws {
        let client = TransferClient(egress: Self.nothingAllowed, logger: Logger(label: "test"))
        await expectFailure(.addressRefused(reason: reason)) { try client.check("http://\(host):8080/x") }
        let policy = EgressPolicy(allowAddresses: ["127.0.0.0/8", "169.254.169.254/32"], allowHTTP: true)
        client.setEgress(policy)
        try client.check("http://\(host):8080/x")
        await client.shutdown()
    }

    @Test func nodeIP_CVE_2024_29415_shortFormIsLoopback() async throws {
        try await self.expectRefused("127.1", "loopback")
        try await self.expectRefused("012.1", "private")
    }

    @Test func netmaskCVE_2021_28918_octalPartsAreOctal() async throws {
        try await self.expectRefused("0177.0.0.1", "loopback")
        try await self.expectRefused("012.0.0.1", "private")
    }

    @Test func requestsHardenedCVE_2026_42175_carrierNATIsRefused() async throws {
        try await self.expectRefused("100.64.0.1", "carrier-nat")
        try await self.expectRefused("100.127.255.254", "carrier-nat")
    }

    @Test func smokescreenCVE_2022_29188_bracketsDoNotHideAHost() async throws {
        try await self.expectRefused("[::ffff:127.0.0.1]", "v4-mapped")
        #expect(Origin(of: "http://[127.0.0.1]/") == nil)
        #expect(Origin(of: "http://[[::1]]/") == nil)
        #expect(Origin(of: "http://[blocked.example]/") == nil)
    }

    @Test(arguments: [
        "blocked.example", "BLOCKED.example", "blocked.example.", "Blocked.Example.", "a.b.blocked.example",
    ])
    func smokescreenCVE_2022_24825_dotAndCaseDoNotHideADomain(host: String) async throws {
        var policy = EgressPolicy(blockDomains: ["Blocked.Example."])
        let origin = try #require(Origin(of: "http://\(host)/"))
        #expect(EgressJudge(policy).refusal(of: origin) == "domain")
        policy = EgressPolicy(allowDomains: ["*.blocked.example"])
        #expect(EgressJudge(policy).refusal(of: origin) == nil)
    }

    @Test func domainsCoverSubdomainsOnly() throws {
        let judge = EgressJudge(EgressPolicy(allowDomains: ["example.org"], blockDomains: ["bad.example.org"]))
        let refusals = ["example.org", "a.example.org", "notexample.org", "example.org.evil.com", "bad.example.org"].map
        { host in
            Origin(of: "https://\(host)/").flatMap(judge.refusal)
        }
        #expect(refusals == [nil, nil, "domain", "domain", "domain"])
    }

    @Test func aBlockedDomainIsRefusedBeforeItIsResolved() async throws {
        try await withServer(egress: EgressPolicy(blockDomains: ["invalid"])) { _ in
        } test: { client, _ in
            await expectFailure(.addressRefused(reason: "domain")) {
                _ = try await client.execute(TransferRequest(url: "http://x.invalid/"))
            }
        }
    }

    @Test func plainHTTPCanBeForbiddenButNotToTheConfiguredOrigin() async throws {
        try await withServer(egress: EgressPolicy(allowHTTP: false)) { connection in
            try await connection.answer()
        } test: { client, server in
            var request = TransferRequest(url: server.url())
            await expectFailure(.addressRefused(reason: "http")) { _ = try await client.execute(request) }
            request.trustedOrigin = Origin(of: server.url())
            let status = try await client.execute(request).status
            #expect(status == 200)
        }
    }

    @Test func theConfiguredOriginMayBePrivate() async throws {
        try await withServer(egress: Self.nothingAllowed) { connection in
            try await connection.answer()
        } test: { client, server in
            let request = TransferRequest(url: server.url(), trustedOrigin: Origin(of: server.url()))
            let status = try await client.execute(request).status
            #expect(status == 200)
        }
    }

    @Test func aConnectionMadeInTrustIsNoWayAroundTheJudgement() async throws {
        try await withServer(egress: Self.nothingAllowed) { connection in
            while true { try await connection.answer(body: "inner") }
        } test: { client, server in
            let trusted = TransferRequest(url: server.url(), trustedOrigin: Origin(of: server.url()))
            _ = try await client.execute(trusted).body.collect(upTo: 100)
            await expectFailure(.addressRefused(reason: "loopback")) {
                _ = try await client.execute(TransferRequest(url: server.url("/untrusted")))
            }
            #expect(server.requests.count == 1)
            _ = try await client.execute(trusted).body.collect(upTo: 100)
            #expect(server.requests.count == 2)
        }
    }

    @Test(arguments: ["127.0.0.1", "0.0.0.0", "::"]) func ownListenersAreRefusedAlsoToTheConfiguredOrigin(
        address: String
    ) async throws {
        try await withServer { connection in
            while true { try await connection.answer() }
        } test: { client, server in
            let request = TransferRequest(url: server.url(), trustedOrigin: Origin(of: server.url()))
            _ = try await client.execute(request).body.collect(upTo: 10)
            // The first connection is kept, and must not serve either.
            client.setOwnListeners([.init(address: address, port: server.port)])
            await expectFailure(.addressRefused(reason: "own-listener")) { _ = try await client.execute(request) }
            #expect(server.requests.count == 1)
        }
    }

    @Test func ownListenersAreKnownByAddressAndPort() throws {
        let local = try #require(IPAddress("192.168.7.7"))
        let policy = EgressPolicy(ownListeners: [
            .init(address: "0.0.0.0", port: 80), .init(address: "127.0.0.1", port: 81),
        ])
        let judge = EgressJudge(policy, localAddresses: { [local] })
        let cases: [(String, Int, String?)] = [
            ("192.168.7.7", 80, "own-listener"), ("::ffff:192.168.7.7", 80, "own-listener"),
            ("::1", 80, "own-listener"),
            ("127.9.9.9", 80, "own-listener"), ("0.0.0.0", 81, "own-listener"), ("::", 81, "own-listener"),
            ("127.0.0.1", 81, "own-listener"), ("192.168.7.8", 80, nil), ("192.168.7.7", 82, nil),
            ("192.168.7.7", 81, nil),
        ]
        for (text, port, expected) in cases {
            let address = try #require(IPAddress(text))
            #expect(judge.refusal(of: address, port: port, isTrusted: true) == expected, "\(text) \(port)")
        }
    }

    @Test func problemsNameWhatCannotBeRead() {
        let policy = EgressPolicy(
            allowAddresses: [
                "10.0.0.0/8", "10.0.0.0/33", "10.0.0/8", "fe80::1%eth0/64", "::/129", "x", "1.2.3.4", "10.0.0.0/+8",
            ],
            allowDomains: ["example.org", "ex ample", "b\u{fc}cher.de", ""],
            blockDomains: ["a..b"]
        )
        #expect(policy.problems.count == 10)
        #expect(
            EgressPolicy(allowAddresses: ["::1/128", "0.0.0.0/0"], blockDomains: ["*.x.y", ".z", "xn--bcher-kva.de."])
                .problems == []
        )
    }
}
