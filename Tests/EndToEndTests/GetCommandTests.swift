// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

extension EndToEnd {
    /// `sluice get` against a gateway with all vendors.
    @Suite struct GetCommandTests {
        private struct World {
            let gateway: EndToEndFixture
            let folder: URL
            let id: String
            let file: SimulatedFile

            func get(_ arguments: String...) async throws -> (status: Int32, output: String, complaints: String) {
                try await GatewayProcess.run(
                    ["get"] + arguments,
                    in: self.folder,
                    environment: ["SLUICE_URL": self.gateway.baseURL, "SLUICE_KEY": EndToEndFixture.adminKey]
                )
            }

            func bytes(_ name: String) throws -> Data {
                try Data(contentsOf: self.folder.appendingPathComponent(name))
            }

            var whole: Data { Data(self.file.contents.bytes(in: 0..<self.file.size).readableBytesView) }

            /// What lies beside the file, unfinished.
            var parts: [String] {
                get throws {
                    try FileManager.default.contentsOfDirectory(atPath: self.folder.path).filter {
                        $0.hasSuffix(".part")
                    }
                }
            }
        }

        private static func run(_ body: (World) async throws -> Void) async throws {
            try await EndToEndFixture.run { gateway in
                try await withTemporaryFolder { folder in
                    let library = try gateway.vendors.simulator("anchor").library
                    let file = try #require(library.files.first { $0.name == "invoice-2026-10.pdf" })
                    let list = try await gateway.admin.get(
                        "/v1/downloads?provider=anchor&filename=invoice-2026-10.pdf&sessionId=\(file.session ?? "")"
                    )
                    let id = try #require(list.json["downloads"].list.first?["id"].text, "\(list.text)")
                    try await body(World(gateway: gateway, folder: folder, id: id, file: file))
                }
            }
        }

        @Test func bringsAFileUnderItsOwnName() async throws {
            try await Self.run { world in
                let first = try await world.get(world.id)
                #expect(first.status == 0 && first.output == "invoice-2026-10.pdf (184.3 kB)\n", "\(first)")
                #expect(try world.bytes("invoice-2026-10.pdf") == world.whole)
                // No terminal, no bar.
                let parts = try world.parts
                #expect(first.complaints.isEmpty && parts.isEmpty)
                let second = try await world.get(world.id)
                #expect(second.status == 1 && second.complaints.contains("--overwrite"))
                #expect(
                    try await world.get(world.id, "--overwrite", "--checksum", world.file.contents.sha256).status == 0
                )
                let folder = try await world.get(world.id, "-o", ".", "--overwrite")
                #expect(folder.status == 0, "\(folder)")
                #expect(try await world.get(world.id, "-o", "other.pdf").status == 0)
                #expect(try world.bytes("other.pdf") == world.whole)
            }
        }

        @Test func goesOnWhereItWasBrokenOff() async throws {
            try await Self.run { world in
                // Anchor has no ranges of its own, so that a break of its bytes is one of the gateway's.
                try world.gateway.vendors.breakBytes(of: "anchor", .cut(afterBytes: 100_000), times: 1)
                let result = try await world.get(world.id)
                #expect(result.status == 0, "\(result)")
                #expect(try world.bytes("invoice-2026-10.pdf") == world.whole)
                let entries = try await world.gateway.admin.get("/v1/logs?downloadId=\(world.id)&method=GET&limit=100")
                let sent = entries.json["logs"].list.filter { $0["bytesOut"].integer ?? 0 > 50_000 }
                #expect(sent.contains { $0["outcome"] == "upstreamCut" })
                #expect(sent.contains { $0["status"] == 206 && $0["outcome"] == "complete" }, "\(entries.text)")
            }
        }

        @Test func goesOnInAnotherRun() async throws {
            try await Self.run { world in
                try world.gateway.vendors.breakBytes(of: "anchor", .cut(afterBytes: 100_000))
                let broken = try await world.get(world.id, "-q")
                #expect(broken.status == 1 && broken.complaints.contains("broke off"), "\(broken)")
                #expect(try world.parts.count == 1)
                try world.gateway.vendors.clearFaults()
                let whole = try await world.get(world.id)
                #expect(whole.status == 0, "\(whole)")
                let parts = try world.parts
                #expect(try world.bytes("invoice-2026-10.pdf") == world.whole && parts.isEmpty)
            }
        }

        @Test func aWrongDigestKeepsNothing() async throws {
            try await Self.run { world in
                let zeros = String(repeating: "0", count: 64)
                let result = try await world.get(world.id, "--checksum", zeros)
                #expect(result.status == 1 && result.complaints.contains(world.file.contents.sha256), "\(result)")
                #expect(!FileManager.default.fileExists(atPath: world.folder.path + "/invoice-2026-10.pdf"))
            }
        }

        @Test(arguments: [
            (["dl_doesnotexist"], "(NOT_FOUND)"), (["dl_../keys"], "not the id"), (["ftp://example.org/x"], "neither"),
            (["dl_x", "--checksum", "12"], "64 hex digits"), (["dl_x", "--provider", "web"], "a URL only"),
        ])
        func saysWhatIsWrong(_ arguments: [String], _ words: String) async throws {
            try await Self.run { world in
                let result = try await GatewayProcess.run(
                    ["get"] + arguments,
                    in: world.folder,
                    environment: ["SLUICE_URL": world.gateway.baseURL, "SLUICE_KEY": EndToEndFixture.adminKey]
                )
                #expect(result.status != 0 && result.complaints.contains(words), "\(result)")
            }
        }

        @Test func needsAKeyAndAGateway() async throws {
            try await withTemporaryFolder { folder in
                let keyless = try await GatewayProcess.run(["get", "dl_x"], in: folder)
                #expect(keyless.status != 0 && keyless.complaints.contains("SLUICE_KEY"))
                let nowhere = try await GatewayProcess.run(
                    ["get", "dl_x", "--gateway", "nowhere"],
                    in: folder,
                    environment: ["SLUICE_KEY": "x"]
                )
                #expect(nowhere.status != 0 && nowhere.complaints.contains("'nowhere'"))
            }
        }
    }
}
