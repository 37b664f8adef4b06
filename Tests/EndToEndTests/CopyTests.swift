// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// Copies over real connections, from one simulated vendor to another.
    @Suite struct CopyTests {
        private static let key = "copies-admin-key-0123456789"

        /// Anchor with one file, and a Vagon whose parts have 50,000 bytes.
        private struct Ends {
            let source: AnchorSimulator
            let target: VagonSimulator
            let file: SimulatedFile

            var held: [SimulatedFile] { self.target.library.files.filter { $0.name == self.file.name } }
            var puts: [SimulatedRequest] { self.target.storage?.requests.filter { $0.method == "PUT" } ?? [] }

            var providers: String {
                """
                  - { name: anchor, kind: anchor, baseURL: "\(self.source.baseURL)", credentials: [{ apiKey: "\(AnchorSimulator.apiKey)" }] }
                  - { name: vagon, kind: vagon, baseURL: "\(self.target.baseURL)",
                      credentials: [{ apiKey: "\(VagonSimulator.apiKey)", secret: "\(VagonSimulator.secret)" }] }
                  - { name: web, kind: web }
                """
            }
        }

        private static func withEnds(size: Int64, _ body: (Ends) async throws -> Void) async throws {
            let library = SimulatedLibrary(seed: 5)
            let file = library.addFile("report.pdf", size: size, in: library.addSession().id)
            let source = try await AnchorSimulator.start(library: library)
            var options = VagonSimulator.Options()
            options.megabyte = 200
            let machines = SimulatedLibrary(seed: 6)
            machines.addSession("100")
            let target = try await VagonSimulator.start(library: machines, options: options)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(Ends(source: source, target: target, file: file)))
            } catch {
                result = .failure(error)
            }
            await source.stop()
            await target.stop()
            try result.get()
        }

        private static func copy(
            _ ends: Ends,
            _ caller: HTTPCaller,
            to target: String = #""vagon","sessionId":"100""#,
            more: String = ""
        ) async throws -> Answer {
            let list = try await caller.get("/v1/downloads?provider=anchor")
            let id = try #require(list.json["downloads"].list.first?["id"].text)
            let body = #"{"from":"\#(id)","provider":\#(target)\#(more)}"#
            return try await caller.send(
                "POST",
                "/v1/downloads",
                [(name: "Content-Type", value: "application/json")],
                body: body
            )
        }

        @Test func aFaultInTheSecondPartIsMendedByThatPart() async throws {
            try await Self.withEnds(size: 90_001) { ends in
                let parts = try #require(ends.target.storage)
                let isSecond: SimulatorFaults.Filter = { request in
                    request.header("Content-Length") == "45000"
                }
                parts.faults.add(.cutRequest(afterBytes: 20_000), where: isSecond)
                try await EndToEndFixture.run(GatewaySettings(providers: ends.providers)) { gateway in
                    let made = try await Self.copy(ends, gateway.admin, more: #","directory":"Team/2026""#)
                    #expect(made.status == 202)
                    let id = try #require(made.json["id"].text)
                    let done = try await gateway.admin.end(of: id)
                    #expect(done["status"] == "completed" && done["sessionId"] == "100", "\(done)")
                    #expect(done["native"]["path"] == "Team/2026")
                    #expect(ends.puts.map { $0.header("Content-Length") } == ["45001", "45000", "45000"])
                    #expect(ends.puts.allSatisfy { $0.header("Authorization") == nil })
                    #expect(ends.held.map(\.contents.sha256) == [ends.file.contents.sha256])
                    let bytes = try await gateway.admin.get("/v1/downloads/\(id)")
                    #expect(bytes.digest == ends.file.contents.sha256)
                    let again = try await Self.copy(ends, gateway.admin, more: #","directory":"Team/2026""#)
                    #expect(again.status == 409 && again.code == "CONFLICT")
                }
            }
        }

        @Test func whatTheVendorRefusesHasItsOwnCode() async throws {
            let cases: [(body: String, code: String)] = [
                (#"{"client_code":4710,"message":"Permission required"}"#, "DOWNLOAD_FORBIDDEN"),
                (#"{"client_code":400,"message":"Storage full"}"#, "STORAGE_FULL"),
                (#"{"client_code":400,"message":"File already exists"}"#, "CONFLICT"),
            ]
            try await Self.withEnds(size: 1000) { ends in
                try await EndToEndFixture.run(GatewaySettings(providers: ends.providers)) { gateway in
                    for (body, code) in cases {
                        ends.target.faults.add(
                            .answer(status: 400, headers: ["Content-Type": "application/json"], body: body),
                            where: { $0.method == "POST" }
                        )
                        let id = try #require(try await Self.copy(ends, gateway.admin).json["id"].text)
                        let failed = try await gateway.admin.end(of: id)
                        #expect(failed["error"]["code"].text == code, "\(failed)")
                    }
                    #expect(ends.held.isEmpty)
                }
            }
        }

        @Test func aCopyThatWasKilledGoesOnWithThePartsThatArePut() async throws {
            try await Self.withEnds(size: 140_000) { ends in
                try await withTemporaryFolder { folder in
                    let file = folder.appendingPathComponent("sluice.yaml")
                    let yaml = """
                        server: { host: 127.0.0.1, port: 0 }
                        storage: { path: "\(folder.path)/var" }
                        egress: { allowAddresses: [127.0.0.0/8] }
                        providers:
                        \(ends.providers)
                        """
                    try yaml.write(to: file, atomically: true, encoding: .utf8)
                    let environment = ["SLUICE_ADMIN_KEY": Self.key]
                    let key = [(name: "Authorization", value: "Bearer \(Self.key)")]
                    let isSecond: SimulatorFaults.Filter = { $0.header("Content-Length") == "46667" }
                    ends.target.storage?.faults.add(.delayHead(.zero), where: isSecond)
                    ends.target.storage?.faults.add(.stallBeforeHead, where: isSecond)
                    var id = ""
                    try await GatewayProcess.serve(["--config", file.path], in: folder, environment: environment) {
                        process,
                        caller in
                        id = try #require(try await Self.copy(ends, caller.with(key)).json["id"].text)
                        try await eventually("the second part is on its way") { ends.puts.count == 2 }
                        process.crash()
                        _ = try await process.status()
                    }
                    #expect(ends.held.isEmpty)
                    try await GatewayProcess.serve(["--config", file.path], in: folder, environment: environment) {
                        _,
                        caller in
                        let done = try await caller.with(key).end(of: id)
                        #expect(done["status"] == "completed", "\(done)")
                    }
                    #expect(ends.held.map(\.contents.sha256) == [ends.file.contents.sha256])
                    // The first part was put once; the second, third: one more each.
                    #expect(ends.puts.map { $0.header("Content-Length") } == ["46667", "46667", "46667", "46666"])
                }
            }
        }

        @Test func aSizeThatTheVendorDisputesIsSentAnew() async throws {
            try await Self.withEnds(size: 1000) { ends in
                let mismatch = #"{"client_code":400,"message":"Size mismatch"}"#
                ends.target.faults.add(
                    .answer(status: 400, headers: ["Content-Type": "application/json"], body: mismatch),
                    where: { $0.path.hasSuffix("/complete") }
                )
                try await EndToEndFixture.run(GatewaySettings(providers: ends.providers)) { gateway in
                    let id = try #require(try await Self.copy(ends, gateway.admin).json["id"].text)
                    let done = try await gateway.admin.end(of: id)
                    #expect(done["status"] == "completed", "\(done)")
                    #expect(ends.puts.count == 2 && ends.held.map(\.contents.sha256) == [ends.file.contents.sha256])
                }
            }
        }

        @Test func theGatewaysOwnFolderTakesCopiesAndFiles() async throws {
            try await Self.withEnds(size: 300_000) { ends in
                try await EndToEndFixture.run(GatewaySettings(providers: ends.providers)) { gateway in
                    let web = #""web","directory":"box""#
                    let first = try await Self.copy(ends, gateway.admin, to: web)
                    let done = try await gateway.admin.end(of: try #require(first.json["id"].text))
                    #expect(done["checksum"].text == ends.file.contents.sha256, "\(done)")
                    #expect(try await Self.copy(ends, gateway.admin, to: web).code == "CONFLICT")
                    let second = try await Self.copy(ends, gateway.admin, to: web, more: #","overwrite":true"#)
                    _ = try await gateway.admin.end(of: try #require(second.json["id"].text))
                    let target = "/v1/downloads?provider=web&directory=box&filename=own.txt"
                    let type = [(name: "Content-Type", value: "text/plain")]
                    let own = try await gateway.admin.send("POST", target, type, body: "mine")
                    #expect(own.status == 201 && own.json["size"].integer == 4)
                    #expect(try await gateway.admin.send("POST", target, type, body: "again").code == "CONFLICT")
                    let list = try await gateway.admin.get(
                        "/v1/downloads?provider=web&sessionId=box&sort=filename",
                        [(name: "Cache-Control", value: "no-cache")]
                    )
                    #expect(
                        list.json["downloads"].list.map { $0["id"] } == [own.json["id"], second.json["id"]],
                        "\(list.text)"
                    )
                }
            }
        }

        @Test func aCallersOwnFileComesIntoAVendor() async throws {
            try await Self.withEnds(size: 10) { ends in
                try await EndToEndFixture.run(GatewaySettings(providers: ends.providers)) { gateway in
                    let body = String(repeating: "0123456789", count: 12_000)
                    let made = try await gateway.admin.send(
                        "POST",
                        "/v1/downloads?provider=vagon&sessionId=100&filename=own.txt",
                        [(name: "Content-Type", value: "text/plain")],
                        body: body
                    )
                    #expect(made.status == 201, "\(made.text)")
                    let held = ends.target.library.files.filter { $0.name == "own.txt" }
                    #expect(held.map(\.size) == [120_000] && held.first?.mimeType == "text/plain")
                    let bytes = try await gateway.admin.get("/v1/downloads/\(made.json["id"].text ?? "")")
                    #expect(bytes.text == body)
                }
            }
        }
    }
}
