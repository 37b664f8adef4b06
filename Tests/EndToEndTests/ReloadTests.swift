// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

extension EndToEnd {
    @Suite struct ReloadTests {
        private static func names(_ caller: HTTPCaller) async throws -> [String] {
            try await caller.get("/v1/providers").json["providers"].list.compactMap { $0["name"].text }
        }

        @Test func signalsAndChangedFilesAreObeyedAndFaultyOnesRefused() async throws {
            try await HugeFile.run(size: 8 << 20) { setup in
                let (process, caller) = try await setup.start()
                let path = try await setup.path(caller)
                let exchange = try await caller.open("GET", path)
                var hash = SHA256()
                while exchange.received < 1 << 20 {
                    hash.update(data: try #require(try await exchange.next()).readableBytesView)
                }
                // By signal, and with what takes a restart.
                let added = "  - { name: web, kind: web }"
                try setup.configure(server: "maxInFlight: 50, stallTimeout: 61s", more: added)
                let diff = try await GatewayProcess.run(["check", "--diff"] + setup.arguments, in: setup.folder)
                #expect(diff.output.contains("providers[web].kind: - -> web\n"), "\(diff.output) \(diff.complaints)")
                #expect(diff.output.contains("server.stallTimeout: 60.0 s -> 61.0 s  (takes a restart)"))
                #expect(!diff.output.contains(HoodySimulator.token))
                process.reload()
                try await eventually("the added one is there") { try await Self.names(caller) == ["hoody", "web"] }
                try await eventually("it is said") { process.complaints.contains("server.stallTimeout") }
                // By itself: refused as a whole, the good part of it too.
                try setup.configure(server: "maxInFlight: none")
                try await eventually("the refusal") { process.complaints.contains("The configuration is refused") }
                #expect(process.complaints.contains("server.maxInFlight"))
                #expect(try await Self.names(caller) == ["hoody", "web"])
                try setup.configure(server: "maxInFlight: 51")
                try await eventually("the added one is gone") { try await Self.names(caller) == ["hoody"] }
                try await setup.expectWhole(exchange, after: &hash)
                process.terminate()
                #expect(try await process.status() == 0, "\(process.complaints)")
            }
        }

        @Test func filesAreComparedWithoutAServer() async throws {
            try await HugeFile.run(size: 10) { setup in
                let none = try await GatewayProcess.run(["check", "--diff"] + setup.arguments, in: setup.folder)
                #expect(none.status == 1 && none.complaints.contains("No gateway has run"))
                let old = setup.folder.appendingPathComponent("old.yaml")
                try FileManager.default.copyItem(at: setup.configuration, to: old)
                let arguments = ["check", "--against", old.path] + setup.arguments
                #expect(try await GatewayProcess.run(arguments, in: setup.folder).output == "Nothing would change.\n")
                try setup.configure(server: "maxHeaders: 50")
                let changed = try await GatewayProcess.run(arguments + ["--json"], in: setup.folder)
                let changes = try JSONDecoder().decode(JSONValue.self, from: Data(changed.output.utf8))["changes"].list
                #expect(changes.map { $0["path"].text } == ["server.maxHeaders"])
                #expect(changes.first?["needsRestart"] == false && changes.first?["to"] == "50")
            }
        }
    }
}
