// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// All vendors at once, each with its demo library: the world that the demo and the end-to-end tests live in.
public struct SimulatedVendors: Sendable {
    /// Browserbase, with the Downloads API.
    public let browserbase: BrowserbaseSimulator
    /// Anchor.
    public let anchor: AnchorSimulator
    /// Notte with the older storage API.
    public let notteStorage: NotteSimulator
    /// Notte with the newer files API.
    public let notteFiles: NotteSimulator
    /// Vagon.
    public let vagon: VagonSimulator
    /// A Hoody file server.
    public let hoody: HoodySimulator

    /// Starts all of them on free loopback ports; the files of their libraries are as old as `begin`.
    public static func start(begin: Date) async throws -> SimulatedVendors {
        SimulatedVendors(
            browserbase: try await .start(library: .demo(kind: "browserbase", begin: begin)),
            anchor: try await .start(library: .demo(kind: "anchor", begin: begin)),
            notteStorage: try await .start(library: .demo(kind: "notte", begin: begin), generation: .storage),
            notteFiles: try await .start(library: .demo(kind: "notte-files", begin: begin), generation: .files),
            vagon: try await .start(library: .demo(kind: "vagon", begin: begin)),
            hoody: try await .start(library: .demo(kind: "hoody", begin: begin))
        )
    }

    /// The variables that `config/demo.yaml` takes from the environment.
    public var environment: [String: String] {
        [
            "DEMO_BROWSERBASE_URL": self.browserbase.baseURL, "DEMO_BROWSERBASE_KEY": BrowserbaseSimulator.apiKey,
            "DEMO_ANCHOR_URL": self.anchor.baseURL, "DEMO_ANCHOR_KEY": AnchorSimulator.apiKey,
            "DEMO_NOTTE_URL": self.notteStorage.baseURL, "DEMO_NOTTE_FILES_URL": self.notteFiles.baseURL,
            "DEMO_NOTTE_KEY": NotteSimulator.apiKey,
            "DEMO_VAGON_URL": self.vagon.baseURL, "DEMO_VAGON_KEY": VagonSimulator.apiKey,
            "DEMO_VAGON_SECRET": VagonSimulator.secret,
            "DEMO_HOODY_URL": self.hoody.baseURL, "DEMO_HOODY_TOKEN": HoodySimulator.token,
        ]
    }

    /// Stops all of them.
    public func stop() async {
        let all: [any Simulator] = [
            self.browserbase, self.anchor, self.notteStorage, self.notteFiles, self.vagon, self.hoody,
        ]
        for simulator in all { await simulator.stop() }
    }
}
