// SPDX-License-Identifier: Apache-2.0

import Composition
import Downloads
import Foundation
import Logging
import ServiceLifecycleTestKit
import Simulators

/// What a test's gateway is started with; each section as it stands in the configuration file.
struct GatewaySettings: Sendable {
    /// The `providers` section, in YAML; `nil`: the six simulated vendors.
    var providers: String?
    /// More of `server`.
    var server = ""
    /// Networks that upstreams may point to.
    var allowAddresses = "[127.0.0.0/8]"
    /// `upstream`.
    var upstream = "{ firstByteTimeout: 20s, idleTimeout: 20s }"
    /// `cache`.
    var cache = "{ freshFor: 30s, staleFor: 24h }"
    /// `fanOut`.
    var fanOut = "{ deadline: 25s }"
    /// `secrets`.
    var secrets = "{}"
    /// `auth`.
    var auth = "{}"
    /// The folder of the store; `nil`: one of its own, removed at the end.
    var storage: URL?

    /// The whole file.
    func yaml(storage: URL, vendors: SimulatedVendors?) -> String {
        """
        server: { host: 127.0.0.1, port: 0\(self.server.isEmpty ? "" : ", " + self.server) }
        storage: { path: "\(storage.path)" }
        secrets: \(self.secrets)
        auth: \(self.auth)
        egress: { allowAddresses: \(self.allowAddresses) }
        limits: { default: { requests: 1000000/min, burst: 1000000, concurrent: 1000 } }
        upstream: \(self.upstream)
        cache: \(self.cache)
        fanOut: \(self.fanOut)
        providers:
        \(self.providers ?? vendors.map(Self.providers) ?? "  []")

        """
    }

    /// The section for all simulated vendors, as in `config/demo.yaml`.
    static func providers(_ vendors: SimulatedVendors) -> String {
        vendors.all.map { name, simulator in
            let credential = simulator.credentials.map { "\($0): \"\($1)\"" }.sorted().joined(separator: ", ")
            let kind = name == "notte-files" ? "notte, api: files" : name
            return
                "  - { name: \(name), kind: \(kind), baseURL: \"\(simulator.baseURL)\", credentials: [{ \(credential) }] }"
        }
        .joined(separator: "\n")
    }
}

/// A running gateway: the whole of it, in this process, over a real store and real connections.
struct EndToEndFixture: Sendable {
    /// A key for everything, that is in no store.
    static let adminKey = "end-to-end-admin-key-0123456789"

    /// `http://127.0.0.1:port`.
    let baseURL: String
    /// The vendors behind it; `nil` where the test brought its own.
    let simulated: SimulatedVendors?
    /// The folder of its store.
    let storage: URL
    /// What its operator can read.
    let log: CapturedLog
    /// All that callers were told.
    let transcript: Transcript
    /// The first admin key, where this start made one.
    let firstKey: String?

    /// The vendors behind it.
    var vendors: SimulatedVendors {
        get throws {
            guard let simulated else { throw NeverHappened(what: "simulated vendors") }
            return simulated
        }
    }

    /// A caller without a key.
    var anyone: HTTPCaller { HTTPCaller(baseURL: self.baseURL, transcript: self.transcript) }
    /// The admin.
    var admin: HTTPCaller { self.caller(Self.adminKey) }

    /// The holder of a key.
    func caller(_ key: String) -> HTTPCaller {
        self.anyone.with([(name: "Authorization", value: "Bearer \(key)")])
    }

    /// How many bodies did not come into the gateway's process so far.
    func relayedBodies() async throws -> Int {
        let metrics = try await self.admin.get("/metrics").text
        let found = metrics.firstMatch(of: /sluice_relayed_bodies_total (\d+)/)
        return found.flatMap { Int($0.1) } ?? 0
    }

    /// A new key, made over HTTP.
    func key(_ scopes: String...) async throws -> String {
        let list = scopes.map { "\"\($0)\"" }.joined(separator: ",")
        let answer = try await self.admin.send(
            "POST",
            "/v1/keys",
            [(name: "Content-Type", value: "application/json")],
            body: "{\"name\":\"test\",\"scopes\":[\(list)]}"
        )
        guard let key = answer.json["key"].text else { throw NeverHappened(what: "a key: \(answer.text)") }
        return key
    }

    /// Runs `body` with a gateway in front of all simulated vendors, or of `vendors`, and stops what it started.
    static func run<Result: Sendable>(
        _ settings: GatewaySettings = GatewaySettings(),
        vendors given: SimulatedVendors? = nil,
        _ body: (EndToEndFixture) async throws -> Result
    ) async throws -> Result {
        let needsVendors = given == nil && settings.providers == nil
        let made = needsVendors ? try await SimulatedVendors.start(begin: .twoHoursAgo) : nil
        do {
            let result = try await Self.run(settings, simulated: given ?? made, body)
            await made?.stop()
            return result
        } catch {
            await made?.stop()
            throw error
        }
    }

    private static func run<Result: Sendable>(
        _ settings: GatewaySettings,
        simulated: SimulatedVendors?,
        _ body: (EndToEndFixture) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryFolder { folder in
            let storage = settings.storage ?? folder.appendingPathComponent("store")
            let file = folder.appendingPathComponent("sluice.yaml")
            try settings.yaml(storage: storage, vendors: simulated).write(to: file, atomically: true, encoding: .utf8)
            let log = CapturedLog()
            let configuration = try SluiceServer.configuration(file: file.path, environment: [:])
            let server = try SluiceServer(configuration, logger: log.logger)
            return try await Self.serve(server) { started in
                try await body(
                    EndToEndFixture(
                        baseURL: "http://127.0.0.1:\(started.port)",
                        simulated: simulated,
                        storage: storage,
                        log: log,
                        transcript: Transcript(),
                        firstKey: started.firstKey?.reveal()
                    )
                )
            }
        }
    }

    /// Runs the server around `body`, and ends it as SIGTERM would.
    private static func serve<Result>(
        _ server: SluiceServer,
        _ body: (SluiceServer.Started) async throws -> Result
    ) async throws -> Result {
        typealias Start = (started: SluiceServer.Started, trigger: GracefulShutdownTestTrigger)
        let (starts, continuation) = AsyncThrowingStream.makeStream(of: Start.self)
        let running = Task {
            try await testGracefulShutdown { @Sendable trigger in
                do {
                    try await server.run(adminKey: Secret(Self.adminKey)) { continuation.yield(($0, trigger)) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                    throw error
                }
            }
        }
        for try await start in starts {
            do {
                let result = try await body(start.started)
                start.trigger.triggerGracefulShutdown()
                try await running.value
                return result
            } catch {
                start.trigger.triggerGracefulShutdown()
                _ = await running.result
                throw error
            }
        }
        throw NeverHappened(what: "the gateway's start")
    }
}

extension SimulatedVendors {
    /// The names that the providers have in the tests' configuration.
    static let names = ["browserbase", "anchor", "notte", "notte-files", "vagon", "hoody"]

    /// All of them, by these names.
    var all: [(name: String, simulator: any Simulator)] {
        let simulators: [any Simulator] = [
            self.browserbase, self.anchor, self.notteStorage, self.notteFiles, self.vagon, self.hoody,
        ]
        return zip(Self.names, simulators).map { (name: $0, simulator: $1) }
    }

    /// One of them.
    func simulator(_ name: String) throws -> any Simulator {
        guard let found = self.all.first(where: { $0.name == name }) else { throw NeverHappened(what: name) }
        return found.simulator
    }

    /// What must never be seen outside.
    static let secrets =
        [
            BrowserbaseSimulator.apiKey, AnchorSimulator.apiKey, NotteSimulator.apiKey, VagonSimulator.apiKey,
            VagonSimulator.secret, HoodySimulator.token, "X-Amz-Signature",
        ]
}

extension Date {
    /// A whole second: the vendors compare times that they do not show in full.
    static var twoHoursAgo: Date { Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down) - 7200) }
}
