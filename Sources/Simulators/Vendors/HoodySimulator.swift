// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Hoody's file kit: a tree of files with ranges, and the transfers that bring files from URLs.
///
/// A library's sessions are its directories, their ids the paths.
public final class HoodySimulator: Simulator {
    /// Which of the two specifications it follows.
    public enum Generation: Sendable {
        /// `total_bytes` and `error`; a start answers at once; no cancel.
        case seed
        /// `file_size` and `error_message`; a start answers with 201 when finished; more states; cancel.
        case newer
    }

    /// What the operator of a Hoody server decides, and what the documentation leaves open.
    public struct Options: Sendable {
        /// Which specification it follows.
        public var generation = Generation.seed
        /// Whether it was started with `--allow-download`.
        public var allowsDownload = true
        /// Whether `success:false` comes with status 200.
        public var hidesFailuresIn200 = false
        /// Whether the validators are weak, as for remote back ends.
        public var hasWeakETags = false

        /// The seed's generation, downloads allowed.
        public init(generation: Generation = .seed) { self.generation = generation }
    }

    /// The token that is accepted.
    public static let token = "hoody-simulated-token-0005"

    /// What it holds.
    public let library: SimulatedLibrary
    /// Where its API listens.
    public let server: SimulatorServer
    /// Where its presigned links point to.
    public var storage: SimulatorServer? { nil }
    /// The credentials that it knows.
    public let keys: SimulatedKeys

    private init(library: SimulatedLibrary, keys: SimulatedKeys, server: SimulatorServer) {
        self.library = library
        self.keys = keys
        self.server = server
    }

    /// Listens, where `port` is 0 on a free one.
    public static func start(
        library: SimulatedLibrary,
        port: Int = 0,
        options: Options = Options(),
        now: @escaping SimulatorClock = { Date() }
    ) async throws -> HoodySimulator {
        let keys = SimulatedKeys("token", first: ["token": Self.token])
        let api = HoodyAPI(library: library, keys: keys, options: options, now: now)
        let server = try await SimulatorServer.start(port: port, seesBroken: true) { api.answer($0) }
        return HoodySimulator(library: library, keys: keys, server: server)
    }
}
