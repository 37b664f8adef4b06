// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// Providers and credentials that are made over the API, over restarts and the exchange of the master secret.
    @Suite struct RuntimeProviderTests {
        private static let json: HTTPCaller.Fields = [(name: "Content-Type", value: "application/json")]
        private static let admin = "runtime-admin-key-0123456789"

        /// A folder with a configuration without providers, and one vendor.
        private static func withSetup(_ body: (URL, BrowserbaseSimulator) async throws -> Void) async throws {
            let vendors = try await SimulatedVendors.start(begin: .twoHoursAgo)
            do {
                try await withTemporaryFolder { folder in
                    let settings = GatewaySettings(providers: "  []")
                    let config = folder.appendingPathComponent("config")
                    try FileManager.default.createDirectory(at: config, withIntermediateDirectories: true)
                    try settings.yaml(storage: folder.appendingPathComponent("store"), vendors: nil)
                        .write(to: config.appendingPathComponent("sluice.yaml"), atomically: true, encoding: .utf8)
                    try await body(folder, vendors.browserbase)
                }
                await vendors.stop()
            } catch {
                await vendors.stop()
                throw error
            }
        }

        private static func serve(_ folder: URL, _ body: (HTTPCaller) async throws -> Void) async throws {
            let status = try await GatewayProcess.serve(in: folder, environment: ["SLUICE_ADMIN_KEY": Self.admin]) {
                try await body($1.with([(name: "Authorization", value: "Bearer \(Self.admin)")]))
            }
            #expect(status == 0)
        }

        private static func ids(_ caller: HTTPCaller) async throws -> [String] {
            let list = try await caller.get("/v1/downloads?limit=100", [(name: "Cache-Control", value: "no-cache")])
            #expect(list.json["complete"] == true, "\(list.text)")
            return list.json["downloads"].list.compactMap { $0["id"].text }
        }

        @Test func fromNothingToAProviderOverARestartAndARotation() async throws {
            try await Self.withSetup { folder, vendor in
                var (ids, credential, key) = ([String](), "", "")
                try await Self.serve(folder) { caller in
                    #expect(try await caller.get("/v1/providers").json["providers"].list == [])
                    let made = try await caller.send(
                        "POST",
                        "/v1/providers",
                        Self.json,
                        body: #"{"name":"bb","kind":"browserbase","baseURL":"\#(vendor.baseURL)"}"#
                    )
                    #expect(made.status == 201 && made.json["state"] == "unconfigured", "\(made.text)")
                    let added = try await caller.send(
                        "POST",
                        "/v1/providers/bb/credentials",
                        Self.json,
                        body: #"{"label":"first","apiKey":"\#(BrowserbaseSimulator.apiKey)"}"#
                    )
                    #expect(added.status == 201 && !added.text.contains(BrowserbaseSimulator.apiKey), "\(added.text)")
                    #expect(try await caller.send("POST", "/v1/providers/bb/test").status == 200)
                    let gatewayKey = try await caller.send(
                        "POST",
                        "/v1/keys",
                        Self.json,
                        body: #"{"name":"k","scopes":["downloads:read"]}"#
                    )
                    ids = try await Self.ids(caller)
                    #expect(!ids.isEmpty)
                    (credential, key) = (added.json["id"].text ?? "", gatewayKey.json["key"].text ?? "")
                }
                try await Self.serve(folder) { caller in
                    #expect(try await Self.ids(caller) == ids)
                    // While it runs, the master secret is exchanged; it goes on, and can seal under the new one.
                    let rotated = try await GatewayProcess.run(["secrets", "rotate", "--json"], in: folder)
                    #expect(rotated.status == 0, "\(rotated.complaints)")
                    #expect(rotated.output.contains("\"resealed\" : 2"), "\(rotated.output)")
                    #expect(try await Self.ids(caller) == ids)
                    let second = try await caller.send(
                        "POST",
                        "/v1/providers/bb/credentials",
                        Self.json,
                        body: #"{"apiKey":"another-key-of-the-vendor"}"#
                    )
                    #expect(second.status == 201, "\(second.text)")
                    let path = "/v1/providers/bb/credentials/\(second.json["id"].text ?? "")"
                    #expect(try await caller.send("DELETE", path).status == 204)
                }
                let list = try await GatewayProcess.run(["providers", "list"], in: folder)
                #expect(list.status == 0 && list.output.contains("browserbase  api     configured"), "\(list.output)")
                try await Self.serve(folder) { caller in
                    #expect(try await Self.ids(caller) == ids)
                    let bearer = [(name: "Authorization", value: "Bearer \(key)")]
                    #expect(try await caller.with(bearer).get("/v1/downloads?limit=1").status == 200)
                    let path = "/v1/providers/bb/credentials/\(credential)"
                    #expect(try await caller.send("DELETE", path).status == 204)
                    #expect(try await caller.get("/v1/providers/bb").json["state"] == "unconfigured")
                    let after = try await caller.get("/v1/downloads")
                    #expect(
                        after.json["downloads"].list == [] && after.json["sources"].list.first?["state"] == "skipped"
                    )
                }
            }
        }

        @Test func anotherMasterSecretIsAClearRefusalOfEveryCommand() async throws {
            try await Self.withSetup { folder, _ in
                try await Self.serve(folder) { _ in }
                let file = folder.appendingPathComponent("store/secret.key")
                let key = Data(repeating: 1, count: 32).base64EncodedString()
                try Data((key + "\n").utf8).write(to: file)
                for arguments in [
                    ["serve"], ["keys", "list"], ["providers", "list"], ["secrets", "rotate"], ["check"],
                ] {
                    let refused = try await GatewayProcess.run(arguments, in: folder)
                    #expect(refused.status != 0, "\(arguments)")
                    #expect(refused.complaints.contains("secret.key is not the master secret"), "\(refused.complaints)")
                }
            }
        }
    }
}
