// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Synchronization
import Testing

extension EndToEnd {
    @Suite struct CommandTests {
        /// A folder with a configuration for simulated vendors, as an operator has it.
        private static func withSetup(
            _ settings: GatewaySettings = GatewaySettings(),
            _ body: (URL, SimulatedVendors) async throws -> Void
        ) async throws {
            let vendors = try await SimulatedVendors.start(begin: .twoHoursAgo)
            do {
                try await withTemporaryFolder { folder in
                    let yaml = settings.yaml(storage: folder.appendingPathComponent("store"), vendors: vendors)
                    try Self.write(yaml, in: folder)
                    try await body(folder, vendors)
                }
                await vendors.stop()
            } catch {
                await vendors.stop()
                throw error
            }
        }

        /// Where `sluice` looks without `--config`.
        private static func write(_ yaml: String, in folder: URL) throws {
            let config = folder.appendingPathComponent("config")
            try FileManager.default.createDirectory(at: config, withIntermediateDirectories: true)
            try yaml.write(to: config.appendingPathComponent("sluice.yaml"), atomically: true, encoding: .utf8)
        }

        private static func json(_ text: String) -> JSONValue {
            (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .null
        }

        private static func bearer(_ key: String) -> HTTPCaller.Fields {
            [(name: "Authorization", value: "Bearer \(key)")]
        }

        @Test func checkReportsAllFaultsWithTheirPaths() async throws {
            try await withTemporaryFolder { folder in
                try Self.write(
                    """
                    server: { port: 70000, colour: red }
                    cache: { freshFor: soon }
                    providers:
                      - { name: "A B", kind: browserbase }
                      - { name: two, kind: nothing }
                      - { name: three, kind: anchor, baseURL: "ftp://x", credentials: [{ apiKey: "${NOT_SET}" }] }
                    """,
                    in: folder
                )
                let check = try await GatewayProcess.run(["check"], in: folder)
                #expect(check.status == 1)
                let paths = [
                    "server.port", "server.colour", "cache.freshFor", "providers[0].name", "providers[1].kind",
                    "providers[2].baseURL", "providers[2].credentials[0].apiKey",
                ]
                for path in paths { #expect(check.complaints.contains("  \(path): "), "\(path): \(check.complaints)") }
                #expect(check.complaints.contains("NOT_SET"))
                #expect(check.output.isEmpty)
                let serve = try await GatewayProcess.run(["serve"], in: folder)
                #expect(serve.status == 1 && serve.complaints.contains("server.port"))
            }
        }

        @Test func aConfigurationThatCannotBeReadSaysWhy() async throws {
            try await withTemporaryFolder { folder in
                let none = try await GatewayProcess.run(["check", "--config", "none.yaml"], in: folder)
                #expect(none.status == 1 && none.complaints.contains("exist"), "\(none.complaints)")
                try Data([0xFF, 0xFE, 0xFF]).write(to: folder.appendingPathComponent("bad.yaml"))
                let bad = try await GatewayProcess.run(["check", "--config", "bad.yaml"], in: folder)
                #expect(bad.status == 1 && bad.complaints.contains("bad.yaml: cannot be read as UTF-8 text"), "\(bad)")
            }
        }

        @Test func checkAsksEveryVendor() async throws {
            try await Self.withSetup { folder, vendors in
                let well = try await GatewayProcess.run(["check", "--json"], in: folder)
                #expect(well.status == 0, "\(well.complaints)")
                let results = Self.json(well.output)["providers"].list
                #expect(results.compactMap { $0["name"].text } == SimulatedVendors.names)
                #expect(results.allSatisfy { $0["state"] == "ok" }, "\(well.output)")
                for (name, vendor) in vendors.all { #expect(vendor.requests.count == 1, "\(name)") }

                vendors.vagon.faults.add(.status(401), times: 1000)
                let ill = try await GatewayProcess.run(["check"], in: folder)
                #expect(ill.status == 1)
                let lines = ill.output.split(separator: "\n").filter { $0.contains(" failed ") }
                #expect(lines.count == 1 && lines.first?.hasPrefix("vagon") == true, "\(ill.output)")
                for secret in SimulatedVendors.secrets { #expect(!(ill.output + ill.complaints).contains(secret)) }
            }
        }

        @Test func providersAreListedAndTested() async throws {
            try await Self.withSetup { folder, vendors in
                let list = try await GatewayProcess.run(["providers", "list", "--json"], in: folder)
                #expect(Self.json(list.output)["providers"].list.count == 6)
                let well = try await GatewayProcess.run(["providers", "test", "hoody"], in: folder)
                #expect(well.status == 0 && well.output.contains("hoody  ok"), "\(well.output)")
                #expect(vendors.anchor.requests.isEmpty && !vendors.hoody.requests.isEmpty)
                vendors.hoody.faults.add(.status(500), times: 1000)
                #expect(try await GatewayProcess.run(["providers", "test", "hoody"], in: folder).status == 1)
                #expect(try await GatewayProcess.run(["providers", "test", "nobody"], in: folder).status != 0)
            }
        }

        @Test func keysAreMadeListedAndRevokedWithoutAServer() async throws {
            try await Self.withSetup { folder, _ in
                let made = try await GatewayProcess.run(
                    ["keys", "create", "--name", "robot", "--scope", "downloads:read", "logs:read"],
                    in: folder
                )
                #expect(made.status == 0, "\(made.complaints)")
                let lines = made.output.split(separator: "\n").map(String.init)
                #expect(lines.count == 2 && lines[0].hasPrefix("key_") && lines[1].hasPrefix("slc_"))
                let list = try await GatewayProcess.run(["keys", "list", "--json"], in: folder)
                let keys = Self.json(list.output)["keys"].list
                #expect(keys.count == 1 && keys[0]["id"].text == lines[0] && keys[0]["name"] == "robot")
                #expect(keys[0]["scopes"] == .array(["downloads:read", "logs:read"]))
                #expect(!list.output.contains(lines[1]))
                let revoked = try await GatewayProcess.run(["keys", "revoke", lines[0], "--json"], in: folder)
                #expect(revoked.status == 0 && Self.json(revoked.output)["revokedAt"].text != nil)
                let wrong = try await GatewayProcess.run(
                    ["keys", "create", "--name", "x", "--scope", "all"],
                    in: folder
                )
                #expect(wrong.status != 0 && wrong.complaints.contains("all"))
                #expect(try await GatewayProcess.run(["keys", "revoke", "key_none"], in: folder).status != 0)
            }
        }

        @Test func runningServerObeysWhatTheCommandLineDecides() async throws {
            try await Self.withSetup { folder, _ in
                let status = try await GatewayProcess.serve(in: folder) { (_, caller) async throws in
                    let made = try await GatewayProcess.run(
                        ["keys", "create", "--name", "robot", "--json"],
                        in: folder
                    )
                    let id = try #require(Self.json(made.output)["id"].text)
                    let robot = caller.with(Self.bearer(try #require(Self.json(made.output)["key"].text)))
                    try await eventually("the new key is let in") {
                        try await robot.get("/v1/downloads?limit=1").status == 200
                    }
                    let revoked = try await GatewayProcess.run(["keys", "revoke", id], in: folder)
                    #expect(revoked.status == 0)
                    try await eventually("the revoked key is refused") {
                        try await robot.get("/v1/downloads?limit=1").status == 401
                    }
                }
                #expect(status == 0)
            }
        }

        @Test func firstKeyIsShownOnce() async throws {
            try await Self.withSetup { folder, _ in
                let mark = "The first admin key, shown only now: "
                var key = ""
                let first = try await GatewayProcess.serve(in: folder) { (process, caller) async throws in
                    let line = process.output.split(separator: "\n").first { $0.hasPrefix(mark) }
                    key = String(try #require(line).dropFirst(mark.count))
                    #expect(try await caller.with(Self.bearer(key)).get("/v1/keys").status == 200)
                }
                #expect(first == 0)
                let second = try await GatewayProcess.serve(in: folder) { (process, caller) async throws in
                    #expect(!process.output.contains("slc_") && !process.complaints.contains("slc_"))
                    #expect(try await caller.with(Self.bearer(key)).get("/v1/keys").status == 200)
                }
                #expect(second == 0)
            }
        }

        @Test func terminatedServerHasLoggedEveryRequest() async throws {
            try await Self.withSetup { folder, _ in
                let environment = ["SLUICE_ADMIN_KEY": EndToEndFixture.adminKey]
                let status = try await GatewayProcess.serve(in: folder, environment: environment) {
                    (process, caller) async throws in
                    #expect(!process.output.contains("first admin key"))
                    let admin = caller.with(Self.bearer(EndToEndFixture.adminKey))
                    #expect(try await admin.get("/v1/downloads?q=SIGNED&limit=1").status == 200)
                    for number in 0..<50 {
                        #expect(try await caller.get("/v1/none-\(number)?api_key=hidden-value").status == 401)
                    }
                }
                #expect(status == 0)
                let logs = try await GatewayProcess.run(["logs", "--limit", "1000", "--json"], in: folder)
                let entries = Self.json(logs.output)["logs"].list
                #expect(entries.count == 51, "\(logs.complaints)")
                for number in 0..<50 {
                    #expect(entries.contains { $0["path"].text?.hasPrefix("/v1/none-\(number)?") == true })
                }
                #expect(!logs.output.contains("hidden-value"))
                let refused = try await GatewayProcess.run(["logs", "--status", "4xx"], in: folder)
                #expect(refused.output.split(separator: "\n").count == 20)
                #expect(refused.output.split(separator: "\n").allSatisfy { $0.contains(" 401 ") })
                #expect(try await GatewayProcess.run(["logs", "--limit", "0"], in: folder).status != 0)
            }
        }

        @Test func serverStartsWithoutAnyConfiguration() async throws {
            try await withTemporaryFolder { folder in
                let free = try await Self.freePort()
                let settings = "server: { port: \(free) }\nproviders: []\n"
                // The port is the only thing that a test must choose; without a file at all it is 8080.
                if try await Self.isFree(8080) {
                    let status = try await GatewayProcess.serve(in: folder) { (process, caller) async throws in
                        #expect(caller.baseURL == "http://127.0.0.1:8080")
                        #expect(try await caller.get("/healthz").json["status"] == "ok")
                        #expect(process.output.contains("browserbase: unconfigured"))
                    }
                    #expect(status == 0)
                }
                let file = folder.appendingPathComponent("own.yaml")
                try settings.write(to: file, atomically: true, encoding: .utf8)
                let status = try await GatewayProcess.serve(["--config", file.path], in: folder) {
                    (_, caller) async throws in
                    #expect(try await caller.get("/readyz").json["status"] == "ready")
                }
                #expect(status == 0)
            }
        }

        @Test func theOperatorsLogIsJSONWhereItIsAskedFor() async throws {
            try await withTemporaryFolder { folder in
                let file = folder.appendingPathComponent("json.yaml")
                let settings = "server: { port: 0 }\nproviders: []\nlogs: { format: json }\n"
                try settings.write(to: file, atomically: true, encoding: .utf8)
                let serving = Mutex("")
                try await GatewayProcess.serve(["--config", file.path], in: folder) { (process, caller) async throws in
                    _ = try await caller.get("/healthz")
                    try await eventually("a line of the log") { !process.complaints.isEmpty }
                    serving.withLock { $0 = process.complaints }
                }
                let lines = serving.withLock { $0 }.split(separator: "\n").map { Self.json(String($0)) }
                #expect(!lines.isEmpty)
                for line in lines {
                    #expect(line["time"].text != nil && line["level"].text != nil && line["logger"].text != nil)
                    #expect(line["message"].text?.isEmpty == false)
                }
            }
        }

        @Test func secondServerOnTheSamePortSaysSo() async throws {
            try await Self.withSetup { folder, _ in
                try await GatewayProcess.serve(in: folder) { (_, caller) async throws in
                    let port = caller.baseURL.split(separator: ":").last ?? ""
                    let file = folder.appendingPathComponent("second.yaml")
                    try "server: { port: \(port) }\n".write(to: file, atomically: true, encoding: .utf8)
                    let second = try await GatewayProcess.run(["serve", "--config", file.path], in: folder)
                    #expect(second.status != 0 && !second.complaints.isEmpty)
                    #expect(try await caller.get("/healthz").status == 200)
                }
            }
        }

        @Test func weakAdminKeyIsRefusedWithoutShowingIt() async throws {
            try await Self.withSetup { folder, _ in
                let environment = ["SLUICE_ADMIN_KEY": "hunter2"]
                let serve = try await GatewayProcess.run(["serve"], in: folder, environment: environment)
                #expect(serve.status == 1 && serve.complaints.contains("SLUICE_ADMIN_KEY"))
                #expect(!(serve.output + serve.complaints).contains("hunter2"))
            }
        }

        private static func freePort() async throws -> Int {
            let server = try await RawServer.start { _ in }
            await server.shutdown()
            return server.port
        }

        private static func isFree(_ port: Int) async throws -> Bool {
            guard let connection = try? await WireConnection.open(port: port) else { return true }
            await connection.close()
            return false
        }
    }
}
