// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers
import Simulators
import Testing
import Transfer

@testable import Providers

/// Whose a transfer is, where others of the same URL come into the same path.
@Suite(.timeLimit(.minutes(1))) struct HoodyOwnTransferTests {
    @Test(arguments: [SimulatedTransfer.State.downloading, .completed])
    func aTransferThatWasThereBeforeIsNotTaken(_ state: SimulatedTransfer.State) async throws {
        try await withHoody { provider, simulator in
            simulator.library.addTransfer(HoodyWork.other("other", state))
            simulator.faults.add(.delayHead(.milliseconds(200)), where: HoodyWork.isStart)
            let told = ToldByProvider()
            async let finished: Void = HoodyWork.finish(simulator, count: 2)
            let download = try await provider.create(HoodyWork.make(), told.report)
            try await finished
            #expect(download.reference.item != "t:other" && download.size == 65_536)
            #expect(told.listed.allSatisfy { $0 == download.reference })
            #expect(simulator.library.transfers.count == 2)
        }
    }

    @Test(arguments: [SimulatedTransfer.State.downloading, .completed])
    func aRefusedStartIsAFailureWhateverElseIsThere(_ state: SimulatedTransfer.State) async throws {
        var options = HoodySimulator.Options()
        options.allowsDownload = false
        try await withHoody(options) { provider, simulator in
            simulator.library.addTransfer(HoodyWork.other("other", state))
            let told = ToldByProvider()
            let error = await failure { try await provider.create(HoodyWork.make(), told.report) }
            #expect(error?.kind == .downloadForbidden)
            #expect(told.listed.isEmpty)
        }
    }

    @Test func twoAtOnceAreTwoTransfers() async throws {
        try await withHoody { provider, simulator in
            async let finished: Void = HoodyWork.finish(simulator, count: 2)
            async let first = provider.create(HoodyWork.make(), ToldByProvider().report)
            async let second = provider.create(HoodyWork.make(), ToldByProvider().report)
            let items = try await [first.reference.item, second.reference.item]
            try await finished
            #expect(Set(items) == Set(simulator.library.transfers.map { "t:" + $0.id }))
            #expect(Set(items).count == 2)
        }
    }

    @Test(arguments: [true, false]) func afterACrashItsOwnIsFoundInAnyOrder(_ isNewestFirst: Bool) async throws {
        try await withHoody { provider, simulator in
            let begin = Date()
            var failed = HoodyWork.other("failed", .failed, startedAt: begin.addingTimeInterval(-60))
            failed.error = "NETWORK_ERROR"
            let others = [
                failed, HoodyWork.other("own", .completed, startedAt: begin.addingTimeInterval(1)),
                HoodyWork.other("later", .completed, startedAt: begin.addingTimeInterval(9)),
            ]
            for transfer in isNewestFirst ? others.reversed() : others { simulator.library.addTransfer(transfer) }
            simulator.library.addFile("a.bin", size: 7, in: "in")
            // As an earlier version kept it, too.
            for kept in [#"{"startedAt":\#(begin.timeIntervalSinceReferenceDate)}"#, try Self.kept(begin, ["failed"])] {
                let work = HoodyWork.make(checkpoint: Data(kept.utf8))
                let download = try await provider.create(work, ToldByProvider().report)
                #expect(download.reference.item == "t:own")
            }
            #expect(simulator.requests.filter(HoodyWork.isStart).isEmpty)
        }
    }

    private static func kept(_ begin: Date, _ others: [String], transfer: String? = nil) throws -> String {
        let checkpoint = HoodyCreation.Checkpoint(transfer: transfer, startedAt: begin, others: others)
        return String(decoding: try JSONEncoder().encode(checkpoint), as: UTF8.self)
    }

    @Test func somebodyElsesTransferIsNotStopped() async throws {
        try await withHoody(.init(generation: .newer)) { provider, simulator in
            func states() -> [SimulatedTransfer.State] { simulator.library.transfers.map(\.state) }
            func abandon(_ others: [String], _ transfer: String? = nil) async throws {
                let kept = Data(try Self.kept(Date(), others, transfer: transfer).utf8)
                try await provider.abandon(HoodyWork.make(checkpoint: kept))
            }
            simulator.library.addTransfer(HoodyWork.other("a", .downloading))
            // Its own has ended; it was refused; which of two it is, nobody can tell.
            try await abandon([], "own")
            try await abandon(["a"])
            simulator.library.addTransfer(HoodyWork.other("b", .downloading))
            try await abandon([])
            #expect(states() == [.downloading, .downloading])
            try await abandon(["a"])
            #expect(states() == [.downloading, .cancelled])
        }
    }

    /// A newer server: it has the transfer under way, and answers the start when that is over.
    private final class SlowStart: Sendable {
        let gate = RawGate()
        private let box = NIOLockedValueBox<(hasBegun: Bool, hasEnded: Bool)>((false, false))
        private static let fields =
            #""id":"mine","filename":"a.bin","directory":"in","url":"https://example.org/a.bin","start_time":1767225601"#

        func answer(_ line: String) async -> ScriptedAnswer {
            if line.hasPrefix("GET /in?download=") {
                self.box.withLockedValue { $0.hasBegun = true }
                await self.gate.wait()
                self.box.withLockedValue { $0.hasEnded = true }
                return .json(#"{"download_id":"mine","success":true,"message":"Download successful"}"#, status: 201)
            }
            let (hasBegun, hasEnded) = self.box.withLockedValue { $0 }
            switch line {
            case "GET /api/v1/downloads":
                let running = hasBegun && !hasEnded ? #"{\#(Self.fields),"status":"downloading"}"# : ""
                return .json(#"{"downloads":[\#(running)]}"#)
            case "GET /?download_history=":
                return .json(#"{"history":[\#(hasEnded ? #"{\#(Self.fields),"status":"completed"}"# : "")]}"#)
            default: return .json(#"{"path_type":"File","size":5,"mtime":1}"#)
            }
        }
    }

    @Test func aTransferIsShownBeforeItsStartIsAnswered() async throws {
        let script = SlowStart()
        let server = try await RawServer.start { connection in
            let request = try await connection.readHead()
            try await connection.send(await script.answer(request.line.replacing(" HTTP/1.1", with: "")).text)
        }
        let transfer = makeTransfer()
        let provider = try makeProvider(
            "hoody",
            baseURL: server.url(""),
            credentials: [defaultCredential("hoody")],
            transfer: transfer
        )
        let told = ToldByProvider()
        async let download = provider.create(HoodyWork.make(), told.report)
        while told.listed.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        let isKept = told.checkpoints.contains { String(decoding: $0, as: UTF8.self).contains("mine") }
        #expect(!isKept, "which transfer it is, only the answer says")
        script.gate.open()
        #expect(try await download.reference.item == "t:mine")
        #expect(told.listed.allSatisfy { $0.item == "t:mine" })
        await transfer.shutdown()
        await server.shutdown()
    }
}
