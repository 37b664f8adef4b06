// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

extension EndToEnd {
    @Suite struct MemoryTests {
        private static let gibibyte: Int64 = 1 << 30
        private static let limit: Int64 = 64 << 20

        private struct Setup {
            let vendor: HoodySimulator
            let file: SimulatedFile
            let process: GatewayProcess
            let caller: HTTPCaller
            let path: String
            let config: URL

            /// Runs a command on the store of the running gateway.
            func command(_ arguments: [String]) async throws -> JSONValue {
                let folder = self.config.deletingLastPathComponent()
                let options = ["--json", "--config", self.config.path]
                let ended = try await GatewayProcess.run(arguments + options, in: folder)
                #expect(ended.status == 0, "\(ended.complaints)")
                return (try? JSONDecoder().decode(JSONValue.self, from: Data(ended.output.utf8))) ?? .null
            }

            /// The request for the bytes, as the vendor saw it.
            var upstream: SimulatedRequest? { self.vendor.requests.last { $0.path == "/Downloads/huge.bin" } }

            /// The vendor's count of bytes that its connection took, once it stands still.
            func settledBytes() async throws -> Int64 {
                var last: Int64 = -1
                var still = 0
                try await eventually("the bytes stand still") {
                    let now = self.upstream?.pushedBytes ?? 0
                    still = now == last && now > 0 ? still + 1 : 0
                    last = now
                    return still >= 100
                }
                return last
            }
        }

        /// The built gateway, a process of its own, in front of a vendor with a huge file.
        private static func run(
            size: Int64 = Self.gibibyte,
            server: String = "",
            _ body: (Setup) async throws -> Void
        ) async throws {
            let library = SimulatedLibrary(seed: 9)
            library.addSession("Downloads")
            let file = library.addFile("huge.bin", size: size, in: "Downloads")
            let vendor = try await HoodySimulator.start(library: library)
            let provider = """
                  - name: hoody
                    kind: hoody
                    baseURL: "\(vendor.baseURL)"
                    credentials: [{ token: "\(HoodySimulator.token)" }]
                """
            do {
                try await withTemporaryFolder { folder in
                    let settings = GatewaySettings(providers: provider, server: server)
                    let config = folder.appendingPathComponent("sluice.yaml")
                    try settings.yaml(storage: folder.appendingPathComponent("store"), vendors: nil)
                        .write(to: config, atomically: true, encoding: .utf8)
                    let environment = ["SLUICE_ADMIN_KEY": EndToEndFixture.adminKey]
                    try await GatewayProcess.serve(["--config", config.path], in: folder, environment: environment) {
                        let bearer = [(name: "Authorization", value: "Bearer \(EndToEndFixture.adminKey)")]
                        let list = try await $1.with(bearer).get("/v1/downloads")
                        let id = try #require(list.json["downloads"].list.first?["id"].text, "\(list.text)")
                        let path = "/v1/downloads/\(id)"
                        let caller = $1.with(bearer)
                        try await body(
                            Setup(vendor: vendor, file: file, process: $0, caller: caller, path: path, config: config)
                        )
                    }
                }
                await vendor.stop()
            } catch {
                await vendor.stop()
                throw error
            }
        }

        private static func read(_ count: Int, from exchange: Exchange) async throws {
            while exchange.received < count { _ = try #require(try await exchange.next()) }
        }

        /// A file that is read whole for the first time is measured; of a part the system moves the bytes.
        private static let parts = ["0-", "1-"]

        private static func part(_ part: String) -> HTTPCaller.Fields {
            part == "0-" ? [] : [(name: "Range", value: "bytes=\(part)")]
        }

        @Test(arguments: Self.parts)
        func clientThatStopsReadingHoldsBackTheUpstream(_ part: String) async throws {
            try await Self.run { setup in
                // A first small answer, so that what is loaded once does not count.
                _ = try await setup.caller.get(setup.path, [(name: "Range", value: "bytes=0-1048575")])
                let before = setup.process.residentBytes
                let fields = [(name: "X-Request-Id", value: "left")] + Self.part(part)
                let exchange = try await setup.caller.open("GET", setup.path, fields)
                let length = Self.gibibyte - (part == "0-" ? 0 : 1)
                #expect(exchange.head.value("Content-Length") == "\(length)")
                try await Self.read(1 << 20, from: exchange)
                let pushed = try await setup.settledBytes()
                #expect(pushed < Self.limit, "the upstream could push \(pushed) bytes")
                #expect(setup.process.residentBytes - before < Self.limit)
                #expect(setup.upstream?.end == nil)
                #expect(setup.vendor.openConnections > 0)
                // The client leaves, and with it the upstream's transfer.
                await exchange.close()
                try await eventually("the end of the upstream's transfer") { setup.upstream?.end == .peerLeft }
                try await eventually("a log entry") {
                    let entries = try await setup.caller.get("/v1/logs?requestId=left").json["logs"].list
                    return entries.first?["outcome"] == "clientGone"
                }
                #expect(setup.upstream?.pushedBytes ?? .max < Self.limit)
            }
        }

        @Test func manySlowClientsStayBounded() async throws {
            try await Self.run { setup in
                _ = try await setup.caller.get(setup.path, [(name: "Range", value: "bytes=0-1048575")])
                let before = setup.process.residentBytes
                var exchanges: [Exchange] = []
                for _ in 0..<8 {
                    let fields = Self.part(Self.parts[exchanges.count % 2])
                    let exchange = try await setup.caller.open("GET", setup.path, fields)
                    try await Self.read(1 << 16, from: exchange)
                    exchanges.append(exchange)
                }
                _ = try await setup.settledBytes()
                #expect(setup.process.residentBytes - before < Self.limit)
                for exchange in exchanges { await exchange.close() }
                try await eventually("the end of all transfers") {
                    setup.vendor.requests.allSatisfy { $0.end != nil }
                }
            }
        }

        @Test(arguments: Self.parts)
        func clientThatStallsIsCutOff(_ part: String) async throws {
            try await Self.run(server: "stallTimeout: 1s") { setup in
                let exchange = try await setup.caller.open("GET", setup.path, Self.part(part))
                try await Self.read(1 << 20, from: exchange)
                // It reads nothing more, and does not leave by itself.
                try await eventually("the end of the upstream's transfer") { setup.upstream?.end == .peerLeft }
                do {
                    _ = try await exchange.rest()
                    Issue.record("a client that stalled got everything")
                } catch let error as Exchange.BrokenOff {
                    #expect(Int64(error.received) < Self.limit)
                }
                await exchange.close()
            }
        }

        /// The promise of a revocation, from another process, and with nobody who asks the gateway anything.
        @Test(arguments: ["revoke", "rotate", "change"])
        func openGibibyteEndsWhenTheCommandLineTakesTheKeyBack(_ command: String) async throws {
            try await Self.run { setup in
                let made = try await setup.command(["keys", "create", "--name", "robot"])
                let id = try #require(made["id"].text)
                let robot = setup.caller.with([(name: "X-API-Key", value: try #require(made["key"].text))])
                // The server obeys the command line within a second, not at once.
                try await eventually("the new key is let in") { try await robot.get("/v1/providers").status == 200 }
                let fields = [(name: "X-Request-Id", value: "taken"), (name: "Range", value: "bytes=1-")]
                let exchange = try await robot.open("GET", setup.path, fields)
                #expect(exchange.head.status == 206)
                try await Self.read(1 << 20, from: exchange)
                let options = command == "change" ? ["--session", "elsewhere"] : []
                _ = try await setup.command(["keys", command, id] + options)
                try await eventually("the end of the upstream's transfer") { setup.upstream?.end == .peerLeft }
                do {
                    _ = try await exchange.rest()
                    Issue.record("a key that was taken back got everything")
                } catch let error as Exchange.BrokenOff {
                    #expect(Int64(error.received) < Self.limit)
                }
                await exchange.close()
                try await eventually("a log entry") {
                    let entries = try await setup.caller.get("/v1/logs?requestId=taken").json["logs"].list
                    return entries.first?["outcome"] == "refused"
                }
            }
        }

        @Test func wholeGibibyteArrives() async throws {
            try await Self.run { setup in
                _ = try await setup.caller.get(setup.path, [(name: "Range", value: "bytes=0-1048575")])
                let before = setup.process.residentBytes
                let exchange = try await setup.caller.open("GET", setup.path)
                var hash = SHA256()
                var most: Int64 = 0
                var count = 0
                while let part = try await exchange.next() {
                    hash.update(data: part.readableBytesView)
                    count += 1
                    if count.isMultiple(of: 256) { most = max(most, setup.process.residentBytes) }
                }
                await exchange.close()
                #expect(Int64(exchange.received) == Self.gibibyte)
                let digest = hash.finalize().map { String(format: "%02x", $0) }.joined()
                #expect(digest == setup.file.contents.sha256)
                #expect(most > 0 && most - before < Self.limit)
            }
        }
    }
}
