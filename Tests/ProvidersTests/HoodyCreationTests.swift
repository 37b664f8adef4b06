// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import Simulators
import Synchronization
import Testing
import Transfer

@testable import Providers

/// URLs that a Hoody server fetches, in both generations of its API.
@Suite struct HoodyCreationTests {
    /// What a provider told while it worked.
    private final class Told: Sendable {
        let checkpoints = Mutex<[Data]>([])
        let listed = Mutex<[DownloadReference]>([])
        let progress = Mutex<[CreateProgress]>([])

        var report: CreateReport {
            CreateReport(
                progress: { progress in self.progress.withLock { $0.append(progress) } },
                keep: { checkpoint, listed in
                    self.checkpoints.withLock { $0.append(checkpoint) }
                    if let listed { self.listed.withLock { $0.append(listed) } }
                }
            )
        }
    }

    private static func run(
        _ options: HoodySimulator.Options,
        _ body: (any Provider, HoodySimulator) async throws -> Void
    ) async throws {
        let simulator = try await HoodySimulator.start(library: SimulatedLibrary(seed: 4), options: options)
        simulator.library.addSession("in")
        let transfer = makeTransfer()
        let provider = try makeProvider(
            "hoody",
            baseURL: simulator.baseURL,
            credentials: [["token": Secret(HoodySimulator.token)]],
            transfer: transfer,
            now: { Date() }
        )
        do {
            try await body(provider, simulator)
            await transfer.shutdown()
            await simulator.stop()
        } catch {
            await transfer.shutdown()
            await simulator.stop()
            throw error
        }
    }

    private static func work(_ url: String, checkpoint: Data? = nil) -> CreateWork {
        let request = CreateRequest(url: url, directory: "in", filename: "a.bin", timeout: .seconds(30))
        return CreateWork(id: UUID(), owner: "me", createdAt: Date(), request: request, checkpoint: checkpoint)
    }

    /// Lets the simulated transfer arrive.
    private static func finish(_ simulator: HoodySimulator) async throws {
        while simulator.library.transfers.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        simulator.library.addFile("a.bin", size: 65_536, in: "in")
        simulator.library.updateTransfers(where: { _ in true }) { transfer in
            transfer.state = .completed
            transfer.receivedBytes = 65_536
            transfer.endedAt = Date()
        }
    }

    @Test(arguments: [true, false]) func bringsAFileIn(_ isNewer: Bool) async throws {
        try await Self.run(.init(generation: isNewer ? .newer : .seed)) { provider, simulator in
            let told = Told()
            async let finished: Void = isNewer ? () : Self.finish(simulator)
            let download = try await provider.create(Self.work("https://example.org/a.bin?x=1"), told.report)
            try await finished
            #expect(download.status == .completed && download.name == "a.bin" && download.size == 65_536)
            #expect(download.reference.session == "in")
            // What is over at once is told by the result alone; whether it is, the simulated transfer and the first answer decide.
            #expect(told.listed.withLock { $0 }.allSatisfy { $0 == download.reference })
            #expect(try await provider.list(ListQuery(session: "in")).items.map(\.reference) == [download.reference])
            #expect(simulator.library.transfers.count == 1)
        }
    }

    @Test func aLaterTryFollowsTheTransferThatRuns() async throws {
        try await Self.run(.init()) { provider, simulator in
            let told = Told()
            let first = Task { try await provider.create(Self.work("https://example.org/a.bin"), told.report) }
            while told.listed.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(2)) }
            first.cancel()
            _ = await first.result
            // With its id, and as after a crash before the id was kept.
            for checkpoint in told.checkpoints.withLock({ [$0.last, $0.first] }) {
                let again = Task {
                    try await provider.create(
                        Self.work("https://example.org/a.bin", checkpoint: checkpoint),
                        told.report
                    )
                }
                try await Self.finish(simulator)
                #expect(try await again.value.status == .completed)
            }
            #expect(simulator.library.transfers.count == 1)
        }
    }

    @Test(arguments: [
        (false, "https://missing.example/a", DownloadFailure.Code.remoteFileNotFound),
        (true, "https://missing.example/a", .remoteFileNotFound),
    ])
    func itsFailuresHaveOurCodes(_ isNewer: Bool, _ url: String, _ code: DownloadFailure.Code) async throws {
        try await Self.run(.init(generation: isNewer ? .newer : .seed)) { provider, _ in
            let error = await failure { try await provider.create(Self.work(url), Told().report) }
            if case .failed(let failure) = error?.kind {
                #expect(failure.code == code)
            } else {
                #expect(error?.kind == .notFound, "\(String(describing: error))")
            }
        }
    }

    @Test(arguments: [true, false]) func aServerThatMayNotFetchSaysSo(_ isNewer: Bool) async throws {
        var options = HoodySimulator.Options(generation: isNewer ? .newer : .seed)
        options.allowsDownload = false
        try await Self.run(options) { provider, _ in
            let error = await failure {
                try await provider.create(Self.work("https://example.org/a"), Told().report)
            }
            #expect(error?.kind == .downloadForbidden)
        }
    }

    @Test(arguments: [true, false]) func stopsATransferWhereTheServerCan(_ isNewer: Bool) async throws {
        try await Self.run(.init(generation: isNewer ? .newer : .seed)) { provider, simulator in
            simulator.library.addTransfer(
                SimulatedTransfer(
                    id: "7b0e3a52-0000-4000-8000-000000000001",
                    directory: "in",
                    filename: "a.bin",
                    url: "https://example.org/a.bin",
                    state: .downloading,
                    expectedBytes: 100,
                    startedAt: Date()
                )
            )
            let kept = HoodyCreation.Checkpoint(
                transfer: "7b0e3a52-0000-4000-8000-000000000001",
                startedAt: Date()
            )
            let work = Self.work("https://example.org/a.bin", checkpoint: try JSONEncoder().encode(kept))
            let error = await failure { try await provider.abandon(work) }
            #expect(error?.kind == (isNewer ? nil : .unsupported))
            #expect(simulator.library.transfers.first?.state == (isNewer ? .cancelled : .downloading))
        }
    }

    @Test func refusesAtOnceWhatTheServerWouldReachForUs() async throws {
        try await Self.run(.init()) { provider, simulator in
            for (url, kind) in [
                ("http://10.0.0.1/", ProviderError.Kind.addressRefused), ("ftp://example.org/", .invalidURL),
                ("https://u:p@example.org/", .invalidURL),
            ] {
                #expect(await failure { try await provider.plan(CreateRequest(url: url)) }?.kind == kind, "\(url)")
            }
            let bad = CreateRequest(url: "https://example.org/", directory: "a/../b")
            #expect(await failure { try await provider.plan(bad) }?.kind == .invalidRequest)
            #expect(simulator.requests.isEmpty)
        }
    }
}
