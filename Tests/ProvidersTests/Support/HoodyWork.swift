// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers
import Simulators
import Transfer

@testable import Providers

/// What a provider told while it worked.
final class ToldByProvider: Sendable {
    private let box = NIOLockedValueBox<(checkpoints: [Data], listed: [DownloadReference])>(([], []))

    var checkpoints: [Data] { self.box.withLockedValue { $0.checkpoints } }
    var listed: [DownloadReference] { self.box.withLockedValue { $0.listed } }

    var report: CreateReport {
        CreateReport(
            progress: { _ in },
            keep: { checkpoint, listed in
                self.box.withLockedValue { told in
                    told.checkpoints.append(checkpoint)
                    if let listed { told.listed.append(listed) }
                }
            }
        )
    }
}

/// A piece of work for a Hoody server, and what its simulated one is made to do for it.
enum HoodyWork {
    /// What every one of these brings in.
    static let url = "https://example.org/a.bin"

    static func make(_ url: String = Self.url, checkpoint: Data? = nil) -> CreateWork {
        let request = CreateRequest(url: url, directory: "in", filename: "a.bin", timeout: .seconds(30))
        return CreateWork(id: UUID(), owner: "me", createdAt: Date(), request: request, checkpoint: checkpoint)
    }

    /// A transfer of somebody else's: of the same URL, to the same path.
    static func other(_ id: String, _ state: SimulatedTransfer.State, startedAt: Date = Date()) -> SimulatedTransfer {
        SimulatedTransfer(
            id: id,
            directory: "in",
            filename: "a.bin",
            url: Self.url,
            state: state,
            expectedBytes: 7,
            startedAt: startedAt
        )
    }

    /// Lets the transfers arrive, once there are `count`.
    static func finish(_ simulator: HoodySimulator, count: Int = 1) async throws {
        while simulator.library.transfers.count < count { try await Task.sleep(for: .milliseconds(2)) }
        simulator.library.addFile("a.bin", size: 65_536, in: "in")
        simulator.library.updateTransfers(where: \.isActive) { transfer in
            transfer.state = .completed
            transfer.receivedBytes = 65_536
            transfer.endedAt = Date()
        }
    }

    /// Whether a request starts a transfer.
    static func isStart(_ request: SimulatedRequest) -> Bool { request.value("download") != nil }
}

/// Runs `body` with a simulated Hoody server, whose folder `in` is empty, and a bare adapter for it.
func withHoody(
    _ options: HoodySimulator.Options = .init(),
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
