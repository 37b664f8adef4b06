// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// Large files brought in over several connections.
    @Suite struct SegmentedDownloadTests {
        private static let size: Int64 = 40_000_000

        /// Brings one file in, and answers what became of it and what its server was asked.
        private static func bring(
            _ settings: String = "",
            under folder: String = "files",
            size: Int64 = Self.size,
            _ prepare: (OriginSimulator) -> Void = { _ in }
        ) async throws -> (asked: [SimulatedRequest], connections: Int) {
            let origin = try await OriginSimulator.start(library: SimulatedLibrary(seed: 9))
            do {
                let file = origin.library.addFile("big.bin", size: size)
                prepare(origin)
                let gateway = GatewaySettings(providers: "  - { name: web, kind: web\(settings) }")
                try await EndToEndFixture.run(gateway) { gateway in
                    let made = try await gateway.admin.create(origin.url("big.bin", under: folder))
                    let id = try #require(made.json["id"].text, "\(made.text)")
                    let done = try await gateway.admin.end(of: id)
                    #expect(done["status"] == "completed" && done["size"].integer == size, "\(done)")
                    #expect(done["checksum"].text == file.contents.sha256)
                    #expect(try await gateway.admin.get("/v1/downloads/\(id)").digest == file.contents.sha256)
                }
                let result = (origin.server.requests, origin.server.acceptedConnections)
                await origin.stop()
                return result
            } catch {
                await origin.stop()
                throw error
            }
        }

        private static func ranges(_ asked: [SimulatedRequest]) -> [String] { asked.compactMap { $0.header("Range") } }

        @Test func aLargeFileTakesSeveralConnections() async throws {
            let (asked, connections) = try await Self.bring()
            // The first answer serves the first segment; every other one is asked for once.
            let told = Comment(rawValue: "\(asked.map { $0.header("Range") ?? "whole" })")
            #expect(asked.count == 10 && asked.count { $0.header("Range") == nil } == 1, told)
            #expect(Set(Self.ranges(asked)).count == 9)
            #expect(Self.ranges(asked).contains("bytes=37748736-39999999"))
            #expect(asked.allSatisfy { $0.header("Range") == nil || $0.header("If-Range") != nil })
            #expect((2...10).contains(connections))
        }

        @Test(arguments: [
            (", connections: 1", "files", Self.size), ("", "plain", Self.size), ("", "files", 15_000_000),
        ])
        func oneConnectionDoesWhereMoreDoNotHelp(_ settings: String, _ folder: String, _ size: Int64) async throws {
            let (asked, _) = try await Self.bring(settings, under: folder, size: size)
            #expect(asked.count == 1 && Self.ranges(asked).isEmpty)
        }

        @Test func aBrokenSegmentIsFetchedAgain() async throws {
            let (asked, _) = try await Self.bring { origin in
                origin.server.faults.add(.cut(afterBytes: 1_000_000), where: { $0.header("Range") != nil })
                origin.server.faults.add(.reset(afterBytes: 10), where: { $0.header("Range") != nil })
            }
            #expect(asked.count > 10)
        }

        @Test func aServerThatDoesNotKeepToItsRangesIsAskedForTheWhole() async throws {
            let (asked, _) = try await Self.bring { origin in
                origin.server.faults.add(.ignoreRange, times: 1000, where: { $0.header("Range") != nil })
            }
            #expect(asked.last?.header("Range") == nil)
        }

        @Test func cancelClosesAllConnections() async throws {
            try await EndToEndFixture.runWeb { gateway, origin in
                origin.library.addFile("big.bin", size: Self.size)
                origin.server.faults.add(.stall(afterBytes: 100_000), times: 100)
                let id = try #require(try await gateway.admin.create(origin.url("big.bin")).json["id"].text)
                try await eventually("four connections") { origin.server.openConnections == 4 }
                try await eventually("the first bytes") {
                    try await gateway.admin.metadata(of: id)["progress"]["receivedBytes"].integer ?? 0 >= 100_000
                }
                #expect(try await gateway.admin.send("POST", "/v1/downloads/\(id)/cancel").status == 200)
                try await eventually("the connections close") { origin.server.openConnections == 0 }
                #expect(gateway.keptFiles.isEmpty)
            }
        }

        @Test(arguments: ["0", "17", "x", "1.5"])
        func refusesOtherNumbersOfConnections(_ value: String) async throws {
            let gateway = GatewaySettings(providers: "  - { name: web, kind: web, connections: \(value) }")
            await #expect(throws: (any Error).self) { try await EndToEndFixture.run(gateway) { _ in } }
        }
    }
}
