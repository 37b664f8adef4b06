// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB
import Testing

extension EndToEnd {
    @Suite struct LogCommandTests {
        private static let environment = ["SLUICE_ADMIN_KEY": EndToEndFixture.adminKey]

        /// A folder with a configuration that needs no vendor.
        private static func withSetup(_ body: (URL) async throws -> Void) async throws {
            try await withTemporaryFolder { folder in
                let config = folder.appendingPathComponent("config")
                try FileManager.default.createDirectory(at: config, withIntermediateDirectories: true)
                try "server: { port: 0 }\nstorage: { path: \"\(folder.path)/store\" }\nproviders: []\n"
                    .write(to: config.appendingPathComponent("sluice.yaml"), atomically: true, encoding: .utf8)
                try await body(folder)
            }
        }

        private static func json(_ text: String) -> JSONValue {
            (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .null
        }

        private static func verify(_ folder: URL) async throws -> (status: Int32, report: JSONValue) {
            let run = try await GatewayProcess.run(["logs", "verify", "--json"], in: folder)
            return (run.status, Self.json(run.output))
        }

        /// What somebody does who has the file, but no key.
        private static func tamper(_ folder: URL, _ sql: String) throws {
            let queue = try DatabaseQueue(path: folder.path + "/store/logs.sqlite")
            try queue.write { try $0.execute(sql: sql) }
            try queue.close()
        }

        @Test func verifyNamesWhatSomebodyChanged() async throws {
            try await Self.withSetup { folder in
                try await GatewayProcess.serve(in: folder, environment: Self.environment) { (_, caller) async throws in
                    for number in 0..<5 { #expect(try await caller.get("/v1/none-\(number)").status == 401) }
                    // Beside a running server as well.
                    try await eventually("five entries, all sound") {
                        let (status, report) = try await Self.verify(folder)
                        return status == 0 && report["sound"] == true && report["entries"] == .integer(5)
                    }
                }
                let sound = try await GatewayProcess.run(["logs", "verify"], in: folder)
                #expect(sound.status == 0 && sound.output == "5 entries, log_1 to log_5: sound.\n", "\(sound)")
                try Self.tamper(folder, "UPDATE log SET path = '/' WHERE id = 3; DELETE FROM log WHERE id = 5")
                let changed = try await GatewayProcess.run(["logs", "verify"], in: folder)
                #expect(changed.status == 1)
                #expect(
                    changed.output == "log_3 was changed.\nlog_5 is missing.\n4 entries, log_1 to log_4: not sound.\n"
                )
            }
        }

        /// What was on the disk before a crash is there after it, and the chain goes on.
        @Test func aCrashLosesNothingThatWasWritten() async throws {
            try await Self.withSetup { folder in
                func logged(_ id: String) async throws -> Bool {
                    let logs = try await GatewayProcess.run(["logs", "--request-id", id, "--json"], in: folder)
                    return Self.json(logs.output)["logs"].list.count == 1
                }
                for run in 1...2 {
                    try await GatewayProcess.serve(in: folder, environment: Self.environment) {
                        (process, caller) async throws in
                        _ = try await caller.get("/v1/none", [(name: "X-Request-Id", value: "run-\(run)")])
                        // It is written by itself, within a second; nothing asks the gateway for it.
                        try await eventually("the entry is on the disk") { try await logged("run-\(run)") }
                        process.crash()
                        #expect(try await process.status() == SIGKILL)
                    }
                    #expect(try await logged("run-\(run)"))
                }
                let (status, report) = try await Self.verify(folder)
                #expect(status == 0 && report["entries"] == .integer(2), "\(report)")
            }
        }

        @Test func listTakesEveryFilterAndPages() async throws {
            try await Self.withSetup { folder in
                try await GatewayProcess.serve(in: folder, environment: Self.environment) { (_, caller) async throws in
                    for number in 0..<5 { _ = try await caller.get("/v1/none-\(number)") }
                }
                var entries: [JSONValue] = []
                var cursor: [String] = []
                repeat {
                    let arguments = ["logs", "list", "--code", "UNAUTHENTICATED", "--method", "GET", "--limit", "2"]
                    let page = try await GatewayProcess.run(arguments + cursor + ["--json"], in: folder)
                    entries += Self.json(page.output)["logs"].list
                    cursor = Self.json(page.output)["nextCursor"].text.map { ["--cursor", $0] } ?? []
                } while !cursor.isEmpty && entries.count < 10
                #expect(entries.map { $0["id"].text } == (1...5).reversed().map { "log_\($0)" })
                // A client has its answer before the entry is noted, so that two of them may change places.
                #expect(entries.compactMap { $0["path"].text }.sorted() == (0..<5).map { "/v1/none-\($0)" })
                let none = ["logs", "--until", "2000-01-01", "--key", "k", "--download-id", "d", "--session-id", "s"]
                #expect(try await GatewayProcess.run(none, in: folder).output.isEmpty)
                #expect(try await GatewayProcess.run(["logs", "--cursor", "x"], in: folder).status != 0)
            }
        }

        @Test func usageIsShownWithoutAServer() async throws {
            try await Self.withSetup { folder in
                try await GatewayProcess.serve(in: folder, environment: Self.environment) { (_, caller) async throws in
                    let admin = caller.with([(name: "Authorization", value: "Bearer \(EndToEndFixture.adminKey)")])
                    #expect(try await admin.get("/v1/keys").status == 200)
                    #expect(try await caller.get("/v1/keys").status == 401)
                }
                let usage = try await GatewayProcess.run(["usage", "--group-by", "key", "--json"], in: folder)
                let rows = Self.json(usage.output)["usage"].list
                #expect(rows.map { $0["key"] } == ["admin", .null], "\(usage)")
                #expect(rows.map { $0["errors"] } == [.integer(0), .integer(1)])
                let table = try await GatewayProcess.run(["usage", "--since", "2000-01-01"], in: folder)
                #expect(table.output.hasPrefix("REQUESTS  ERRORS") && table.output.contains("\n2 "))
                #expect(try await GatewayProcess.run(["usage", "--group-by", "week"], in: folder).status != 0)
            }
        }
    }
}
