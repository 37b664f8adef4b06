// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers
import Simulators
import Testing

@testable import Providers

/// The start of a transfer writes: while one may run there is no second.
@Suite(.timeLimit(.minutes(1))) struct HoodyStartTests {
    private static let answers: [SimulatorFault] = [
        .answer(status: 502, headers: ["Content-Type": "text/html"], body: "<html>"), .status(503), .status(500),
        .html, .resetBeforeHead, .truncateJSON,
    ]

    @Test(arguments: Self.answers, ["/api/v1/downloads", "/", "/api/v1/files/stat/in/a.bin"])
    func aPollThatFailsIsMadeAgain(_ fault: SimulatorFault, _ path: String) async throws {
        try await withHoody { provider, simulator in
            simulator.faults.add(fault, times: 2) { request in
                request.path == path && !simulator.library.transfers.isEmpty
            }
            async let finished: Void = HoodyWork.finish(simulator)
            let download = try await provider.create(HoodyWork.make(), ToldByProvider().report)
            try await finished
            #expect(download.status == .completed && download.size == 65_536)
            #expect(simulator.faults.pending == 0)
            #expect(simulator.requests.filter(HoodyWork.isStart).count == 1)
        }
    }

    @Test func afterManyPollsThatFailTheNextTryGoesOn() async throws {
        try await withHoody { provider, simulator in
            let told = ToldByProvider()
            simulator.faults.add(.status(502), times: 100) { request in
                request.path == "/api/v1/downloads" && !simulator.library.transfers.isEmpty
            }
            let error = await failure { try await provider.create(HoodyWork.make(), told.report) }
            #expect(error?.kind == .unavailable && error?.retry == .now)
            simulator.faults.clear()
            try await HoodyWork.finish(simulator)
            let again = HoodyWork.make(checkpoint: told.checkpoints.last)
            #expect(try await provider.create(again, told.report).status == .completed)
            #expect(simulator.library.transfers.count == 1)
        }
    }

    @Test(arguments: [SimulatorFault.cut(afterBytes: 0), .cut(afterBytes: 9), .truncateJSON])
    func whereTheAnswerIsLostTheTransferIsFound(_ fault: SimulatorFault) async throws {
        try await withHoody { provider, simulator in
            let told = ToldByProvider()
            simulator.faults.add(fault, where: HoodyWork.isStart)
            async let finished: Void = HoodyWork.finish(simulator)
            let download = try await provider.create(HoodyWork.make(), told.report)
            try await finished
            #expect(download.status == .completed && told.listed.last == download.reference)
            #expect(simulator.faults.pending == 0)
            #expect(simulator.library.transfers.count == 1)
        }
    }

    /// A server behind a proxy that lost its answers to starts; the transfer is in no list for a while, and then has ended.
    private final class LosingProxy: Sendable {
        private let box = NIOLockedValueBox<(starts: Int, looks: Int)>((0, 0))
        private let looksBefore: Int

        init(listedAfter looks: Int) { self.looksBefore = looks }

        var starts: Int { self.box.withLockedValue { $0.starts } }

        func answer(_ line: String) -> ScriptedAnswer {
            if line.hasPrefix("GET /in?download=") {
                self.box.withLockedValue { $0.starts += 1 }
                return .html(status: 502)
            }
            switch line {
            case "GET /api/v1/downloads": return .json(#"{"downloads":[]}"#)
            case "GET /?download_history=": return .json(#"{"history":[\#(self.past)]}"#)
            case "GET /api/v1/files/stat/in/a.bin": return .json(#"{"path_type":"File","size":5,"mtime":1}"#)
            default: return .json("{}", status: 404)
            }
        }

        private var past: String {
            let isListed = self.box.withLockedValue { state in
                if state.starts > 0 { state.looks += 1 }
                return state.looks > self.looksBefore
            }
            return isListed
                ? #"{"id":"mine","filename":"a.bin","directory":"in","status":"completed","start_time":1767225600}"#
                : ""
        }
    }

    @Test func whereAProxyLosesTheAnswerTheTransferIsFound() async throws {
        let proxy = LosingProxy(listedAfter: 3)
        try await withScripted("hoody", answer: { line, _ in proxy.answer(line) }) { (provider, _) async throws in
            let download = try await provider.create(HoodyWork.make(), ToldByProvider().report)
            #expect(download.reference.item == "t:mine" && proxy.starts == 1)
        }
    }

    @Test func whatNeverArrivedIsStartedAnewByTheNextTry() async throws {
        try await withHoody { provider, simulator in
            let told = ToldByProvider()
            simulator.faults.add(.status(502), where: HoodyWork.isStart)
            let error = await failure { try await provider.create(HoodyWork.make(), told.report) }
            #expect(error?.kind == .unavailable && error?.retry == .now)
            #expect(simulator.requests.filter(HoodyWork.isStart).count == 1)
            let again = HoodyWork.make(checkpoint: told.checkpoints.last)
            async let finished: Void = HoodyWork.finish(simulator)
            #expect(try await provider.create(again, told.report).status == .completed)
            try await finished
            #expect(simulator.library.transfers.count == 1)
        }
    }

    @Test func nothingIsStartedWhereTheListsCannotBeRead() async throws {
        try await withHoody { provider, simulator in
            simulator.faults.add(.status(502)) { $0.path == "/" }
            let told = ToldByProvider()
            let error = await failure { try await provider.create(HoodyWork.make(), told.report) }
            #expect(error?.kind == .unavailable && told.checkpoints.isEmpty)
            #expect(simulator.requests.filter(HoodyWork.isStart).isEmpty)
        }
    }

    @Test(arguments: [
        (200, #"{"success":false,"error":"DOWNLOAD_FORBIDDEN"}"#, true),
        (400, #"{"success":false,"error":"REMOTE_FILE_NOT_FOUND"}"#, true), (429, #"{"error":"too many"}"#, true),
        (409, #"{"success":false,"code":"FILE_PATH_BUSY","error":"b"}"#, true), (404, "<html>", true),
        (503, #"{"success":false,"error":"NETWORK_ERROR"}"#, true), (501, "{}", true),
        (503, #"{"success":false,"error":"starting"}"#, false), (504, "<html>", false), (200, "<html>", false),
        (408, "", false),
    ])
    func whatARefusalIs(_ status: Int, _ body: String, _ isRefused: Bool) async throws {
        let answer = ScriptedAnswer.json(body, status: status)
        try await withScripted("hoody", answer: { _, _ in answer }) { (provider, _) async throws in
            let hoody = try #require(provider as? HoodyProvider)
            switch await hoody.api.start(HoodyWork.make().request, into: .root, named: "a") {
            case .begun: Issue.record("it was taken for a start")
            case .refused: #expect(isRefused)
            case .unclear: #expect(!isRefused)
            }
        }
    }
}
