// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

@testable import Gateway

extension EndToEnd {
    /// The real server, ended in the middle of its work: nothing is lost, doubled or wrong afterwards.
    @Suite struct KilledDownloadTests {
        private static let key = "killed-downloads-admin-key"
        private static let environment = ["SLUICE_ADMIN_KEY": Self.key]

        /// Serves in a folder whose configuration allows the loopback.
        private static func serve(
            in folder: URL,
            connections: Int = 1,
            _ body: (GatewayProcess, HTTPCaller) async throws -> Void
        ) async throws {
            let file = folder.appendingPathComponent("sluice.yaml")
            let yaml = """
                server: { host: 127.0.0.1, port: 0 }
                storage: { path: "\(folder.path)/var" }
                egress: { allowAddresses: [127.0.0.0/8] }
                limits: { default: { requests: 1000000/min, burst: 1000000 } }
                providers: [ { name: web, kind: web, connections: \(connections) } ]
                """
            try yaml.write(to: file, atomically: true, encoding: .utf8)
            try await GatewayProcess.serve(["--config", file.path], in: folder, environment: Self.environment) {
                try await body($0, $1.with([(name: "Authorization", value: "Bearer \(Self.key)")]))
            }
        }

        private static func withOrigin(_ body: (OriginSimulator, URL) async throws -> Void) async throws {
            let origin = try await OriginSimulator.start(library: SimulatedLibrary(seed: 11))
            do {
                try await withTemporaryFolder { try await body(origin, $0) }
                await origin.stop()
            } catch {
                await origin.stop()
                throw error
            }
        }

        @Test(arguments: [1, 4]) func goesOnFromTheLastDurableByteAfterAKill(_ connections: Int) async throws {
            try await Self.withOrigin { origin, folder in
                let file = origin.library.addFile("big.bin", size: 40_000_000)
                // Slow enough that a second, and with it a checkpoint, passes before its end.
                origin.server.faults.add(.pace(.milliseconds(4 * connections)), times: 100)
                var id = ""
                try await Self.serve(in: folder, connections: connections) { process, caller in
                    id = try #require(try await caller.create(origin.url("big.bin")).json["id"].text)
                    try await eventually("a checkpoint") { try await Self.checkpointedBytes(folder) > 0 }
                    process.crash()
                    _ = try await process.status()
                }
                origin.server.faults.clear()
                let kept = try await Self.checkpointedBytes(folder)
                try await Self.serve(in: folder, connections: connections) { _, caller in
                    let done = try await caller.end(of: id)
                    #expect(done["status"] == "completed" && done["checksum"].text == file.contents.sha256, "\(done)")
                    #expect(try await caller.get("/v1/downloads/\(id)").digest == file.contents.sha256)
                }
                let rest = try #require(Self.askedForRest(origin))
                #expect(rest.header("Range") == "bytes=\(kept)-" && rest.header("If-Range") != nil)
            }
        }

        @Test(arguments: [1, 4]) func goesOnAfterAGracefulStop(_ connections: Int) async throws {
            try await Self.withOrigin { origin, folder in
                let file = origin.library.addFile("big.bin", size: 40_000_000)
                // The only connection, or that of the fifth segment.
                let stalled: (range: String?, bytes: Int64) =
                    connections == 1 ? (nil, 20_000_000) : ("bytes=16777216-20971519", 3_222_784)
                origin.server.faults.add(
                    .stall(afterBytes: stalled.bytes),
                    where: { $0.header("Range") == stalled.range }
                )
                var id = ""
                try await Self.serve(in: folder, connections: connections) { _, caller in
                    id = try #require(try await caller.create(origin.url("big.bin")).json["id"].text)
                    try await eventually("bytes") {
                        try await caller.metadata(of: id)["progress"]["receivedBytes"].integer ?? 0 >= 19_000_000
                    }
                }
                try await Self.serve(in: folder, connections: connections) { _, caller in
                    let done = try await caller.end(of: id)
                    #expect(done["status"] == "completed" && done["checksum"].text == file.contents.sha256, "\(done)")
                }
                let range = try #require(Self.askedForRest(origin)?.header("Range"))
                #expect((Int64(range.dropFirst(6).dropLast()) ?? 0) >= 19_000_000, "\(range)")
            }
        }

        /// The newest request for all that is behind some byte.
        private static func askedForRest(_ origin: OriginSimulator) -> SimulatedRequest? {
            origin.server.requests.last { $0.header("Range")?.hasSuffix("-") == true }
        }

        @Test(arguments: [UInt64(1), 2, 3]) func killsAtRandomPointsLoseAndDoubleNothing(_ seed: UInt64) async throws {
            try await Self.withOrigin { origin, folder in
                var random = SeededSource(state: seed)
                var files: [String: SimulatedFile] = [:]
                var ids: [String: String] = [:]
                for round in 0..<8 {
                    try await Self.serve(in: folder) { process, caller in
                        for number in 0..<4 {
                            let name = "file-\(round)-\(number).bin"
                            files[name] = origin.library.addFile(
                                name,
                                size: Int64.random(in: 0...6_000_000, using: &random)
                            )
                            if Bool.random(using: &random) {
                                origin.server.faults.add(
                                    .cut(afterBytes: Int64.random(in: 0...3_000_000, using: &random))
                                )
                            }
                            let made = try await caller.create(origin.url(name), more: ",\"filename\":\"\(name)\"")
                            ids[name] = made.json["id"].text
                        }
                        let pause = Int.random(in: 0...400, using: &random)
                        try await Task.sleep(for: .milliseconds(pause))
                        process.crash()
                        _ = try await process.status()
                    }
                }
                try await Self.serve(in: folder) { _, caller in
                    for (name, id) in ids {
                        let done = try await caller.end(of: id)
                        let file = try #require(files[name])
                        #expect(
                            done["status"] == "completed" && done["checksum"].text == file.contents.sha256,
                            "\(done)"
                        )
                        #expect(try await caller.get("/v1/downloads/\(id)").digest == file.contents.sha256)
                    }
                    let list = try await caller.get(
                        "/v1/downloads?limit=100",
                        [(name: "Cache-Control", value: "no-cache")]
                    )
                    #expect(list.json["total"].integer == Int64(files.count), "\(list.text)")
                    #expect(Set(list.json["downloads"].list.compactMap { $0["filename"].text }) == Set(files.keys))
                }
                let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/var/files/web")
                #expect(names.count == files.count + 1)
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: folder.path + "/var/files/web/.incoming") == []
                )
            }
        }

        @Test func aSecondServerOfTheStoreRunsNoJobs() async throws {
            try await Self.withOrigin { origin, folder in
                let file = origin.library.addFile("x.bin", size: 1000)
                origin.server.faults.add(.stall(afterBytes: 500))
                try await Self.serve(in: folder) { first, caller in
                    let id = try #require(try await caller.create(origin.url("x.bin")).json["id"].text)
                    try await eventually("the first request") { origin.server.requests.count == 1 }
                    try await Self.serve(in: folder) { second, other in
                        try await eventually("the second server's complaint") {
                            second.complaints.contains("Another process runs the jobs")
                        }
                        #expect(origin.server.requests.count == 1)
                        first.crash()
                        let done = try await other.end(of: id)
                        #expect(done["checksum"].text == file.contents.sha256)
                    }
                }
            }
        }

        /// How many bytes the store knows to be durable.
        private static func checkpointedBytes(_ folder: URL) async throws -> Int64 {
            let store = try Store(directory: folder.path + "/var")
            let table = JobTable(store, try await Vault.open(store, configured: nil))
            guard let job = try await table.open().first, let kept = try await table.kept(of: job)?.checkpoint else {
                return 0
            }
            return try JSONDecoder().decode(JSONValue.self, from: kept)["bytes"].integer ?? 0
        }
    }
}
