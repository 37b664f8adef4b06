// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Simulators
import Testing

extension EndToEnd {
    @Suite struct EgressTests {
        /// A server that nobody may come to; answers what would be worth stealing.
        private static func canary() async throws -> RawServer {
            try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
            }
        }

        /// The id of a file of `orders.csv`, and its own address.
        private static func path(of provider: String, in gateway: EndToEndFixture) async throws -> String {
            let list = try await gateway.admin.get("/v1/downloads?provider=\(provider)&filename=orders.csv")
            return "/v1/downloads/\(try #require(list.json["downloads"].list.first?["id"].text, "\(list.text)"))"
        }

        private static func expectBlocked(_ answer: Answer, _ message: String) {
            #expect(
                answer.status == 403 && answer.code == "DOMAIN_BLOCKED",
                "\(message): \(answer.status) \(answer.text)"
            )
        }

        /// Notte's answer to the question for a link.
        private static func pointNotte(_ vendors: SimulatedVendors, to url: String) {
            vendors.notteStorage.faults.add(
                .wrongTypes("{\"url\":\"\(url)\"}"),
                times: 100_000,
                where: { $0.path.split(separator: "/").count == 4 && $0.path.hasPrefix("/storage/") }
            )
        }

        @Test(arguments: [
            "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://2852039166/",
            "http://metadata.google.internal./", "http://10.0.0.1/", "http://[fd00::1]/", "http://0.0.0.0/",
        ])
        func linkToAnInsideAddressIsRefused(_ url: String) async throws {
            try await EndToEndFixture.run { gateway in
                let path = try await Self.path(of: "notte", in: gateway)
                Self.pointNotte(try gateway.vendors, to: url)
                let answer = try await gateway.admin.get(path)
                if url.contains("google") {
                    // Where it does not resolve there is no address to judge.
                    #expect([403, 503].contains(answer.status), "\(answer.text)")
                } else {
                    Self.expectBlocked(answer, url)
                }
            }
        }

        @Test func linkToThisMachineIsRefusedWhereNothingIsAllowed() async throws {
            let canary = try await Self.canary()
            try await EndToEndFixture.run(GatewaySettings(allowAddresses: "[]")) { gateway in
                let vendors = try gateway.vendors
                let path = try await Self.path(of: "notte", in: gateway)
                // By number, by name, in a shorter form, and as IPv6 would write it.
                for host in ["127.0.0.1", "localhost", "127.1", "0x7f.1", "[::ffff:127.0.0.1]"] {
                    vendors.notteStorage.faults.clear()
                    Self.pointNotte(vendors, to: "http://\(host):\(canary.port)/")
                    Self.expectBlocked(try await gateway.admin.get(path), host)
                }
                // The vendors' own presigned links are on this machine too; their configured addresses are not judged.
                vendors.notteStorage.faults.clear()
                Self.expectBlocked(try await gateway.admin.get(path), "presigned")
                #expect(try await gateway.admin.get("/v1/downloads?provider=notte").status == 200)
            }
            #expect(canary.connectionCount == 0)
            await canary.shutdown()
        }

        @Test func redirectToThisMachineIsRefusedWhereNothingIsAllowed() async throws {
            let canary = try await Self.canary()
            try await EndToEndFixture.run(GatewaySettings(allowAddresses: "[]")) { gateway in
                let path = try await Self.path(of: "anchor", in: gateway)
                let headers = ["Location": "http://127.0.0.1:\(canary.port)/"]
                try gateway.vendors.anchor.faults.add(
                    .answer(status: 302, headers: headers),
                    times: 100_000,
                    where: { $0.path.hasPrefix("/fetch/") }
                )
                Self.expectBlocked(try await gateway.admin.get(path), "redirect")
            }
            #expect(canary.connectionCount == 0)
            await canary.shutdown()
        }

        @Test func ownListenerIsRefusedEvenWhereItsAddressIsAllowed() async throws {
            try await EndToEndFixture.run { gateway in
                let path = try await Self.path(of: "notte", in: gateway)
                let port = gateway.baseURL.split(separator: ":").last ?? ""
                for host in ["127.0.0.1", "localhost", "127.1"] {
                    try gateway.vendors.notteStorage.faults.clear()
                    Self.pointNotte(try gateway.vendors, to: "http://\(host):\(port)/healthz")
                    Self.expectBlocked(try await gateway.admin.get(path), host)
                }
                let asked = try await gateway.admin.get("/v1/logs?limit=1000").json["logs"].list
                #expect(!asked.isEmpty && !asked.contains { $0["path"] == "/healthz" })
            }
        }

        @Test(arguments: ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1:70/", "no address", ""])
        func linkThatIsNoWebAddressIsRefused(_ url: String) async throws {
            try await EndToEndFixture.run { gateway in
                let path = try await Self.path(of: "notte", in: gateway)
                Self.pointNotte(try gateway.vendors, to: url)
                let answer = try await gateway.admin.get(path)
                #expect(answer.status == 502 && answer.code == "UPSTREAM_MALFORMED", "\(answer.text)")
            }
        }

        /// CVE-2024-6587: an address that came from outside was sent the operator's key.
        @Test func litellmCVE_2024_6587_keyGoesToTheVendorsOriginOnly() async throws {
            let canary = try await Self.canary()
            try await EndToEndFixture.run { gateway in
                let vendors = try gateway.vendors
                // Bytes behind presigned links, as the vendors do it.
                for name in ["notte", "vagon"] {
                    #expect(try await gateway.admin.get(try await Self.path(of: name, in: gateway)).status == 200)
                    let store = try #require(try vendors.simulator(name).storage)
                    #expect(!store.requests.isEmpty)
                    for request in store.requests {
                        Self.expectNoKey(in: request.headers.map { "\($0.name): \($0.value)" })
                    }
                }
                // Everything else that a vendor's answer may point to.
                let url = canary.url()
                let redirect = SimulatorFault.answer(status: 302, headers: ["Location": url])
                for (name, simulator) in vendors.all {
                    let path = try await Self.path(of: name, in: gateway)
                    simulator.faults.add(redirect, times: 100_000)
                    _ = try? await gateway.admin.get(path)
                    simulator.faults.clear()
                }
                Self.pointNotte(vendors, to: url)
                _ = try? await gateway.admin.get(try await Self.path(of: "notte", in: gateway))
            }
            #expect(!canary.requests.isEmpty)
            for request in canary.requests { Self.expectNoKey(in: request.headers.map { "\($0.name): \($0.value)" }) }
            await canary.shutdown()
        }

        private static func expectNoKey(in lines: [String]) {
            let names = ["authorization", "x-bb-api-key", "anchor-api-key", "cookie", "x-notte-api-key", "x-api-key"]
            for line in lines {
                #expect(!names.contains { line.lowercased().hasPrefix($0 + ":") }, "\(line)")
                #expect(!SimulatedVendors.secrets.contains { line.contains($0) }, "\(line)")
                #expect(!line.contains(EndToEndFixture.adminKey))
            }
        }
    }
}
