// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB
import Simulators
import Testing

extension EndToEnd {
    @Suite struct BackupTests {
        private static let adminKey = "an-admin-key-for-backups"

        /// Runs `work` in a folder with a store in it, a gateway that writes, and simulated vendors.
        private static func withGateway(
            _ work: (_ folder: URL, _ vendors: SimulatedVendors, _ admin: HTTPCaller) async throws -> Void
        ) async throws {
            let vendors = try await SimulatedVendors.start(begin: .twoHoursAgo)
            do {
                try await withTemporaryFolder { folder in
                    try Self.configure(folder, vendors, storage: "store")
                    try await GatewayProcess.serve(
                        ["--config", "store.yaml"],
                        in: folder,
                        environment: ["SLUICE_ADMIN_KEY": Self.adminKey]
                    ) { _, caller in
                        try await work(folder, vendors, caller.with(Self.bearer(Self.adminKey)))
                    }
                }
                await vendors.stop()
            } catch {
                await vendors.stop()
                throw error
            }
        }

        private static func configure(_ folder: URL, _ vendors: SimulatedVendors, storage: String) throws {
            let yaml = GatewaySettings().yaml(storage: folder.appendingPathComponent(storage), vendors: vendors)
            try yaml.write(to: folder.appendingPathComponent("\(storage).yaml"), atomically: true, encoding: .utf8)
        }

        private static func bearer(_ key: String) -> HTTPCaller.Fields {
            [(name: "Authorization", value: "Bearer \(key)")]
        }

        private static func ids(_ admin: HTTPCaller) async throws -> [String] {
            try await admin.get("/v1/downloads?limit=100&sort=filename").json["downloads"].list.compactMap {
                $0["id"].text
            }
        }

        @Test func aBackupUnderLoadBringsEverythingBack() async throws {
            try await Self.withGateway { folder, vendors, admin in
                let key = try await admin.send(
                    "POST",
                    "/v1/keys",
                    [(name: "Content-Type", value: "application/json")],
                    body: #"{"name": "kept", "scopes": ["downloads:read", "logs:read"]}"#
                )
                let secret = try #require(key.json["key"].text)
                let before = try await Self.ids(admin)
                #expect(!before.isEmpty)
                // The log is written all the while.
                let load = Task {
                    while !Task.isCancelled { _ = try await admin.get("/v1/downloads?limit=1&q=under-load") }
                }
                try await eventually("some of it is in the log") {
                    try await admin.get("/v1/logs?limit=100").text.contains("limit=1&q=")
                }
                let backup = try await GatewayProcess.run(["backup", "kept.tar", "--config", "store.yaml"], in: folder)
                load.cancel()
                _ = await load.result
                #expect(backup.status == 0 && backup.output.hasPrefix("kept.tar: "), "\(backup.complaints)")
                let file = folder.appendingPathComponent("kept.tar")
                let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
                let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
                #expect(left.filter { $0.hasPrefix("kept.tar") } == ["kept.tar"], "\(left)")

                try Self.restore(file, in: folder)
                try Self.configure(folder, vendors, storage: "restored")
                let verified = try await GatewayProcess.run(
                    ["logs", "verify", "--config", "restored.yaml"],
                    in: folder
                )
                #expect(verified.status == 0, "\(verified.output)")
                try await GatewayProcess.serve(["--config", "restored.yaml"], in: folder) { _, caller in
                    let kept = caller.with(Self.bearer(secret))
                    #expect(try await Self.ids(kept) == before)
                    let logs = try await kept.get("/v1/logs?limit=1")
                    #expect(logs.status == 200)
                }
                let entries = try await GatewayProcess.run(
                    ["logs", "--config", "restored.yaml", "--limit", "100", "--json"],
                    in: folder
                )
                #expect(entries.output.contains("limit=1&q="), "the log was written while the backup was made")
            }
        }

        /// As `sluice backup --help` says; the master secret is put back beside it.
        private static func restore(_ file: URL, in folder: URL) throws {
            let restored = folder.appendingPathComponent("restored")
            try FileManager.default.createDirectory(
                at: restored,
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
            let tar = try Process.run(
                URL(fileURLWithPath: "/usr/bin/env"),
                arguments: ["tar", "-xf", file.path, "-C", restored.path]
            )
            tar.waitUntilExit()
            #expect(tar.terminationStatus == 0)
            for name in ["sluice.sqlite", "logs.sqlite"] {
                let database = try DatabaseQueue(path: restored.appendingPathComponent(name).path)
                let found = try database.read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }
                #expect(found == ["ok"], "\(name)")
            }
            try FileManager.default.copyItem(
                at: folder.appendingPathComponent("store/secret.key"),
                to: restored.appendingPathComponent("secret.key")
            )
        }

        @Test func nothingIsOverwrittenAndNoEmptyBackupIsMade() async throws {
            try await Self.withGateway { folder, vendors, _ in
                try Data("mine".utf8).write(to: folder.appendingPathComponent("taken.tar"))
                let taken = try await GatewayProcess.run(["backup", "taken.tar", "--config", "store.yaml"], in: folder)
                #expect(taken.status != 0 && taken.complaints.contains("taken.tar"))
                #expect(try Data(contentsOf: folder.appendingPathComponent("taken.tar")) == Data("mine".utf8))
                let nowhere = try await GatewayProcess.run(
                    ["backup", "no/x.tar", "--config", "store.yaml"],
                    in: folder
                )
                #expect(nowhere.status != 0 && nowhere.complaints.contains("cannot be written"))
                try Self.configure(folder, vendors, storage: "empty")
                let empty = try await GatewayProcess.run(["backup", "x.tar", "--config", "empty.yaml"], in: folder)
                #expect(empty.status != 0 && empty.complaints.contains("There is no store"))
                let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
                #expect(
                    !left.contains { $0.hasPrefix("x.tar") || $0 == "empty" || $0.hasPrefix("taken.tar.") },
                    "\(left)"
                )
            }
        }
    }
}
