// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// A disk that fills up costs the download that it fills up under, and nothing else.
    @Suite struct FullDiskTests {
        private static let disk: Int64 = 64 << 20

        /// A small disk of its own; mounting one takes root.
        private static func withDisk(_ body: (URL) async throws -> Void) async throws {
            try await withTemporaryFolder { folder in
                try Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=\(Self.disk)", "tmpfs", folder.path)
                do {
                    try await body(folder)
                    try Self.run("/bin/umount", "-l", folder.path)
                } catch {
                    try? Self.run("/bin/umount", "-l", folder.path)
                    throw error
                }
            }
        }

        private static func run(_ command: String...) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: command[0])
            process.arguments = Array(command.dropFirst())
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw NeverHappened(what: command.joined(separator: " ")) }
        }

        static let mayMount: Bool = {
            guard geteuid() == 0 else { return false }
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "sluice-mount-\(UUID().uuidString)"
            )
            try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            guard (try? Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path)) != nil else {
                return false
            }
            try? Self.run("/bin/umount", folder.path)
            return true
        }()

        private static func serve(_ body: (EndToEndFixture, OriginSimulator, URL) async throws -> Void) async throws {
            let origin = try await OriginSimulator.start(library: SimulatedLibrary(seed: 8))
            do {
                try await Self.withDisk { disk in
                    let storage = disk.appendingPathComponent("store")
                    let settings = GatewaySettings(providers: "  - { name: web, kind: web }", storage: storage)
                    try await EndToEndFixture.run(settings) { try await body($0, origin, disk) }
                }
                await origin.stop()
            } catch {
                await origin.stop()
                throw error
            }
        }

        @Test(.enabled(if: mayMount)) func aFileThatDoesNotFitIsRefusedWhereItsSizeIsKnown() async throws {
            try await Self.serve { gateway, origin, _ in
                origin.library.addFile("huge.bin", size: Self.disk)
                let small = origin.library.addFile("small.bin", size: 1_000_000)
                // Without a length it is found out on the way.
                for fault in [SimulatorFault?.none, .chunked()] {
                    if let fault { origin.server.faults.add(fault) }
                    let made = try await gateway.admin.create(origin.url("huge.bin"))
                    let done = try await gateway.admin.end(of: try #require(made.json["id"].text))
                    #expect(done["error"]["code"] == "STORAGE_FULL", "\(done)")
                    let other = try await gateway.admin.create(origin.url("small.bin"))
                    let kept = try await gateway.admin.end(of: try #require(other.json["id"].text))
                    #expect(kept["checksum"].text == small.contents.sha256, "\(kept)")
                }
            }
        }

        @Test(.enabled(if: mayMount)) func aDiskThatFillsUpMeanwhileHarmsNothingElse() async throws {
            try await Self.serve { gateway, origin, disk in
                let small = origin.library.addFile("small.bin", size: 1_000_000)
                let first = try await gateway.admin.create(origin.url("small.bin"))
                let before = try await gateway.admin.end(of: try #require(first.json["id"].text))
                #expect(before["status"] == "completed")
                origin.library.addFile("big.bin", size: 40_000_000)
                origin.server.faults.add(.pace(.milliseconds(5)))
                let made = try await gateway.admin.create(origin.url("big.bin"))
                let id = try #require(made.json["id"].text)
                try await eventually("bytes") {
                    try await gateway.admin.metadata(of: id)["progress"]["receivedBytes"].integer ?? 0 > 2_000_000
                }
                let junk = disk.appendingPathComponent("junk")
                try? Self.run("/bin/dd", "if=/dev/zero", "of=\(junk.path)", "bs=65536")
                let failed = try await gateway.admin.end(of: id)
                #expect(failed["error"]["code"] == "STORAGE_FULL", "\(failed)")
                let kept = try #require(before["id"].text)
                #expect(try await gateway.admin.get("/v1/downloads/\(kept)").digest == small.contents.sha256)
                try FileManager.default.removeItem(at: junk)
                let again = try await gateway.admin.create(origin.url("big.bin"))
                let done = try await gateway.admin.end(of: try #require(again.json["id"].text))
                #expect(done["status"] == "completed", "\(done)")
            }
        }
    }
}
