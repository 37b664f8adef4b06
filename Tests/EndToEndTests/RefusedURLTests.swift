// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// URLs that the gateway does not fetch, and what it does not tell their servers.
    @Suite struct RefusedURLTests {
        @Test(arguments: [
            ("ftp://example.org/x", "INVALID_URL", "cannot be asked"),
            ("http://u:p@example.org/", "INVALID_URL", "cannot be asked"),
            ("nonsense", "INVALID_URL", "cannot be asked"), ("http://10.1.2.3/", "DOMAIN_BLOCKED", "private"),
            ("http://169.254.169.254/latest", "DOMAIN_BLOCKED", "metadata"),
            ("http://[::ffff:10.0.0.1]/", "DOMAIN_BLOCKED", "v4-mapped"),
            ("http://0x0a000001/", "DOMAIN_BLOCKED", "private"),
        ])
        func refusesAtOnceWhatCanBeKnownAtOnce(_ url: String, _ code: String, _ reason: String) async throws {
            try await EndToEndFixture.runWeb { gateway, _ in
                let made = try await gateway.admin.create(url)
                #expect(made.status == (code == "INVALID_URL" ? 400 : 403) && made.code == code, "\(made.text)")
                let line = gateway.log.text.split(separator: "\n").last { $0.contains("A URL was refused") }
                #expect(line?.contains(reason) == true, "\(line ?? "-")")
                #expect(try await gateway.admin.get("/v1/downloads").json["total"].integer == 0)
            }
        }

        @Test func theGatewaysOwnListenerIsRefused() async throws {
            try await EndToEndFixture.runWeb { gateway, _ in
                let made = try await gateway.admin.create(gateway.baseURL + "/healthz")
                #expect(made.status == 403 && made.code == "DOMAIN_BLOCKED", "\(made.text)")
            }
        }

        @Test func aCallersHeadersGoToTheUrlsHostAlone() async throws {
            let other = try await OriginSimulator.start(library: SimulatedLibrary(seed: 6))
            other.library.addFile("x", size: 10)
            try await EndToEndFixture.runWeb { gateway, origin in
                let target = other.url("x").addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                let made = try await gateway.admin.create(
                    origin.baseURL + "/redirect?to=\(target)",
                    more: #","headers":{"X-Api-Key":"very-secret-value","Cookie":"a=b"}"#
                )
                let done = try await gateway.admin.end(of: try #require(made.json["id"].text))
                #expect(done["status"] == "completed", "\(done)")
                #expect(origin.server.requests.last?.header("X-Api-Key") == "very-secret-value")
                #expect(other.server.requests.last?.header("X-Api-Key") == nil)
                #expect(other.server.requests.last?.header("Cookie") == nil)
                #expect(
                    !gateway.log.text.holds("very-secret-value") && !gateway.transcript.text.holds("very-secret-value")
                )
                let store = try Data(contentsOf: gateway.storage.appendingPathComponent("sluice.sqlite-wal"))
                #expect(store.range(of: Data("very-secret-value".utf8)) == nil)
            }
            await other.stop()
        }

        /// Serves with a resolver that answers out of a file; only 127.0.0.2 is allowed, and nobody listens there.
        private static func serve(
            in folder: URL,
            resolving hosts: String,
            _ body: (GatewayProcess, HTTPCaller) async throws -> Void
        ) async throws {
            let file = folder.appendingPathComponent("sluice.yaml")
            let yaml = """
                server: { host: 127.0.0.1, port: 0 }
                storage: { path: "\(folder.path)/var" }
                egress: { allowAddresses: [127.0.0.2/32] }
                providers: [ { name: web, kind: web } ]
                """
            try yaml.write(to: file, atomically: true, encoding: .utf8)
            let names = folder.appendingPathComponent("hosts")
            try hosts.write(to: names, atomically: true, encoding: .utf8)
            let key = "refused-urls-admin-key"
            let environment = [
                "SLUICE_ADMIN_KEY": key, "LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": names.path,
            ]
            try await GatewayProcess.serve(["--config", file.path], in: folder, environment: environment) {
                try await body($0, $1.with([(name: "Authorization", value: "Bearer \(key)")]))
            }
        }

        private static func canary() async throws -> RawServer {
            try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
            }
        }

        @Test func aNameWithAForbiddenAddressBesideAnAllowedOneIsNotConnectedThere() async throws {
            let canary = try await Self.canary()
            let hosts = "127.0.0.2 rebind.test\n127.0.0.1 rebind.test\n"
            try await withTemporaryFolder { folder in
                try await Self.serve(in: folder, resolving: hosts) { _, caller in
                    let made = try await caller.create("http://rebind.test:\(canary.port)/x")
                    let done = try await caller.end(of: try #require(made.json["id"].text, "\(made.text)"))
                    #expect(done["error"]["code"] == "DOMAIN_BLOCKED", "\(done)")
                }
            }
            #expect(canary.connectionCount == 0)
            await canary.shutdown()
        }

        @Test func aNameThatIsAllowedAtFirstAndForbiddenLaterIsRefusedLater() async throws {
            let canary = try await Self.canary()
            try await withTemporaryFolder { folder in
                var id = ""
                try await Self.serve(in: folder, resolving: "127.0.0.2 rebind.test\n") { process, caller in
                    let made = try await caller.create("http://rebind.test:\(canary.port)/x")
                    id = try #require(made.json["id"].text, "\(made.text)")
                    try await eventually("a try that was allowed") {
                        process.complaints.contains("The server cannot be reached")
                    }
                }
                try await Self.serve(in: folder, resolving: "127.0.0.1 rebind.test\n") { process, caller in
                    let done = try await caller.end(of: id)
                    #expect(done["error"]["code"] == "DOMAIN_BLOCKED", "\(done)")
                    #expect(process.complaints.contains("is refused (loopback)"))
                }
            }
            #expect(canary.connectionCount == 0)
            await canary.shutdown()
        }
    }
}
