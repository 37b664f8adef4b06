// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Testing

@testable import Providers

/// URLs that a Hoody server fetches, in both generations of its API.
@Suite struct HoodyCreationTests {
    @Test(arguments: [true, false]) func bringsAFileIn(_ isNewer: Bool) async throws {
        try await withHoody(.init(generation: isNewer ? .newer : .seed)) { provider, simulator in
            let told = ToldByProvider()
            async let finished: Void = isNewer ? () : HoodyWork.finish(simulator)
            let download = try await provider.create(HoodyWork.make("https://example.org/a.bin?x=1"), told.report)
            try await finished
            #expect(download.status == .completed && download.name == "a.bin" && download.size == 65_536)
            #expect(download.reference.session == "in")
            // What is over at once is told by the result alone; whether it is, the simulated transfer and the first answer decide.
            #expect(told.listed.allSatisfy { $0 == download.reference })
            #expect(try await provider.list(ListQuery(session: "in")).items.map(\.reference) == [download.reference])
            #expect(simulator.library.transfers.count == 1)
        }
    }

    @Test func aLaterTryFollowsTheTransferThatRuns() async throws {
        try await withHoody(.init()) { provider, simulator in
            let told = ToldByProvider()
            let first = Task { try await provider.create(HoodyWork.make("https://example.org/a.bin"), told.report) }
            while told.listed.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            first.cancel()
            _ = await first.result
            // With its id, and as after a crash before the id was kept.
            for checkpoint in [told.checkpoints.last, told.checkpoints.first] {
                let again = Task {
                    try await provider.create(
                        HoodyWork.make("https://example.org/a.bin", checkpoint: checkpoint),
                        told.report
                    )
                }
                try await HoodyWork.finish(simulator)
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
        try await withHoody(.init(generation: isNewer ? .newer : .seed)) { provider, _ in
            let error = await failure { try await provider.create(HoodyWork.make(url), ToldByProvider().report) }
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
        try await withHoody(options) { provider, _ in
            let error = await failure {
                try await provider.create(HoodyWork.make("https://example.org/a"), ToldByProvider().report)
            }
            #expect(error?.kind == .downloadForbidden)
        }
    }

    @Test(arguments: [true, false]) func stopsATransferWhereTheServerCan(_ isNewer: Bool) async throws {
        try await withHoody(.init(generation: isNewer ? .newer : .seed)) { provider, simulator in
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
            let work = HoodyWork.make("https://example.org/a.bin", checkpoint: try JSONEncoder().encode(kept))
            let error = await failure { try await provider.abandon(work) }
            #expect(error?.kind == (isNewer ? nil : .unsupported))
            #expect(simulator.library.transfers.first?.state == (isNewer ? .cancelled : .downloading))
        }
    }

    @Test func refusesAtOnceWhatTheServerWouldReachForUs() async throws {
        try await withHoody(.init()) { provider, simulator in
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
