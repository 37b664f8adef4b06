// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Vagon: machines for sessions, their files, shared files, recordings, what is on a machine's disk, and download jobs.
public final class VagonSimulator: Simulator {
    /// What the vendor's documentation leaves open.
    public struct Options: Sendable {
        /// Before every path.
        public var prefix = "/organization-management/v1"
        /// The list of session recordings.
        public var recordingsPath = "/session-recordings"
        /// The status of a download job, `{id}` for its id.
        public var jobStatusPath = "/files/download/{id}"
        /// Whether a single file's link needs a job too.
        public var jobForSingleFile = false
        /// How often a job is asked about before its link is there.
        public var jobPolls = 2
        /// Whether a client code that is no HTTP status comes with HTTP 200 instead of 400.
        public var hidesCodesIn200 = false
        /// How often a link works.
        public var linkUses = 1
        /// What the vendor takes for a megabyte in `chunk_size`, which is nowhere said.
        public var megabyte: Int64 = 1 << 20
        /// Bytes that may be stored in all.
        public var capacity = Int64.max

        /// The vendor's paths, links at once.
        public init() {}
    }

    /// The key that is accepted.
    public static let apiKey = "ak_simulated_0004"
    /// What requests must be signed with.
    public static let secret = "sk_simulated_secret_0004"

    /// What it holds.
    public let library: SimulatedLibrary
    /// Where its API listens.
    public let server: SimulatorServer
    /// Where its presigned links point to.
    public let storage: SimulatorServer?
    /// The credentials that it knows.
    public let keys: SimulatedKeys

    private init(
        library: SimulatedLibrary,
        keys: SimulatedKeys,
        server: SimulatorServer,
        storage: SimulatorServer
    ) {
        self.library = library
        self.keys = keys
        self.server = server
        self.storage = storage
    }

    /// Listens, where `port` is 0 on a free one.
    ///
    /// The library's sessions are machines: their ids are numbers.
    public static func start(
        library: SimulatedLibrary,
        port: Int = 0,
        options: Options = Options(),
        now: @escaping SimulatorClock = { Date() }
    ) async throws -> VagonSimulator {
        let links = SignedLinks(uses: options.linkUses, now: now)
        let storage = try await SimulatorServer.start(port: 0) { links.answer($0) }
        let keys = SimulatedKeys("apiKey", first: ["apiKey": Self.apiKey, "secret": Self.secret])
        let api = VagonAPI(
            library: library,
            keys: keys,
            options: options,
            links: links,
            storage: storage.baseURL,
            now: now
        )
        let server = try await SimulatorServer.start(port: port) { api.answer($0) }
        return VagonSimulator(library: library, keys: keys, server: server, storage: storage)
    }
}
