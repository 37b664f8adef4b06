// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

extension EndToEnd {
    /// Stopping, and the exchange of one gateway for another: nobody notices.
    @Suite struct UpgradeTests {
        /// 1 GiB by `SLUICE_UPGRADE_BYTES=1073741824`.
        private static let size =
            ProcessInfo.processInfo.environment["SLUICE_UPGRADE_BYTES"].flatMap { Int64($0) } ?? 64 << 20

        /// A body of which the first megabyte was read.
        private struct Stream {
            let exchange: Exchange
            var hash = SHA256()

            init(_ caller: HTTPCaller, _ path: String) async throws {
                self.exchange = try await caller.open("GET", path)
                while self.exchange.received < 1 << 20 {
                    self.hash.update(data: try #require(try await self.exchange.next()).readableBytesView)
                }
            }
        }

        /// Asks again and again, each time on a connection of its own, until it is cancelled; the answers that were none.
        private static func ask(_ caller: HTTPCaller) -> Task<(asked: Int, failures: [String]), Never> {
            Task {
                var (asked, failures) = (0, [String]())
                while !Task.isCancelled {
                    // Not in this task: its cancellation is not to break off a request.
                    let status = await Task { try? await caller.get("/v1/providers").status }.value
                    asked += 1
                    if status != 200 { failures.append("\(status.map(String.init) ?? "no answer")") }
                }
                return (asked, failures)
            }
        }

        @Test func anUpgradeDropsNoByteAndNoRequest() async throws {
            try await HugeFile.run(size: Self.size) { setup in
                let (old, caller) = try await setup.start()
                let path = try await setup.path(caller)
                var streams: [Stream] = []
                for _ in 0..<3 { streams.append(try await Stream(caller, path)) }
                let asking = Self.ask(caller)
                let (new, sameCaller) = try await setup.start(["--take-over"])
                #expect(sameCaller.baseURL == caller.baseURL)
                try await eventually("the old one stops") { old.complaints.contains("The gateway stops") }
                // The old one has closed its door, and these are the new one's.
                for _ in 0..<100 { #expect(try await caller.get("/v1/providers").status == 200) }
                streams.append(try await Stream(caller, path))
                asking.cancel()
                let (asked, failures) = await asking.value
                #expect(asked > 0 && failures.isEmpty, "\(failures.count) of \(asked): \(failures.prefix(3))")
                #expect(!old.hasEnded)
                for var stream in streams { try await setup.expectWhole(stream.exchange, after: &stream.hash) }
                #expect(try await old.status() == 0, "\(old.complaints)")
                let logs = try await caller.get("/v1/logs?limit=100").json["logs"].list
                #expect(logs.count { $0["outcome"] == "complete" && $0["bytesOut"] == .integer(Self.size) } == 4)
                new.terminate()
                #expect(try await new.status() == 0, "\(new.complaints)")
            }
        }

        @Test func jobsAreHandedOverWhileTheOldOneDrains() async throws {
            let origin = try await OriginSimulator.start(library: SimulatedLibrary(seed: 11))
            let file = origin.library.addFile("job.bin", size: 3_000_000)
            origin.server.faults.add(.stall(afterBytes: 1_000_000), times: 1)
            try await HugeFile.run(size: 8 << 20) { setup in
                try setup.configure(more: "  - { name: web, kind: web, connections: 1 }")
                let (old, caller) = try await setup.start()
                var stream = try await Stream(caller, try await setup.path(caller))
                let id = try #require(try await caller.create(origin.url("job.bin")).json["id"].text)
                try await eventually("the job runs") { origin.server.requests.count == 1 }
                let (new, _) = try await setup.start(["--take-over"])
                let asJSON = [(name: "Accept", value: "application/json")]
                try await eventually("the new one ends the job") {
                    try await caller.get("/v1/downloads/\(id)", asJSON).json["status"] == "completed"
                }
                #expect(!old.hasEnded)
                #expect(try await caller.get("/v1/downloads/\(id)").digest == file.contents.sha256)
                // One request of the old one, one of the new one: never two at a time.
                #expect(origin.server.requests.count == 2)
                try await setup.expectWhole(stream.exchange, after: &stream.hash)
                #expect(try await old.status() == 0)
                new.terminate()
                #expect(try await new.status() == 0)
            }
            await origin.stop()
        }

        @Test func withNobodyToTakeOverFromItJustStarts() async throws {
            try await HugeFile.run(size: 10) { setup in
                let (process, caller) = try await setup.start(["--take-over"])
                #expect(try await caller.get("/v1/providers").status == 200)
                process.terminate()
                #expect(try await process.status() == 0)
            }
        }

        // MARK: Stopping

        @Test func sigtermRefusesAtOnceAndLetsStreamsEnd() async throws {
            try await HugeFile.run(size: 8 << 20) { setup in
                let (process, caller) = try await setup.start()
                var stream = try await Stream(caller, try await setup.path(caller))
                process.terminate()
                try await eventually("nobody is let in") { (try? await caller.get("/healthz")) == nil }
                #expect(!process.hasEnded)
                try await setup.expectWhole(stream.exchange, after: &stream.hash)
                #expect(try await process.status() == 0)
            }
        }

        @Test func secondSigtermEndsAtOnceAndKeepsTheLog() async throws {
            try await HugeFile.run(size: 64 << 20) { setup in
                let (process, caller) = try await setup.start()
                let path = try await setup.path(caller)
                let exchange = try await caller.open("GET", path, [(name: "X-Request-Id", value: "twice")])
                try await HugeFile.read(1 << 20, of: exchange)
                process.terminate()
                try await eventually("it stops") { process.complaints.contains("The gateway stops") }
                #expect(!process.hasEnded)
                process.terminate()
                #expect(try await process.status() == 0)
                await #expect(throws: Exchange.BrokenOff.self) { _ = try await exchange.rest() }
                let logs = try await GatewayProcess.run(["logs", "--json"] + setup.arguments, in: setup.folder)
                let entries = try JSONDecoder().decode(JSONValue.self, from: Data(logs.output.utf8))["logs"].list
                #expect(entries.contains { $0["requestId"] == "twice" && $0["outcome"] == "clientGone" })
            }
        }

        @Test func whatTakesTooLongIsCut() async throws {
            try await HugeFile.run(size: 64 << 20, server: "drainTimeout: 200ms") { setup in
                let (process, caller) = try await setup.start()
                let exchange = try await caller.open("GET", try await setup.path(caller))
                try await HugeFile.read(1 << 20, of: exchange)
                process.terminate()
                #expect(try await process.status() == 0)
                await exchange.close()
            }
        }
    }
}
