// SPDX-License-Identifier: Apache-2.0

public import Downloads
import Foundation
public import Gateway
public import Logging
import Providers
import ServiceLifecycle
import Tracing
import Transfer
import UnixSignals

/// Puts the parts together: the only place that knows transfers, providers and the gateway at once.
///
/// ```swift
/// let configuration = try SluiceServer.configuration(file: "config/sluice.yaml", environment: environment)
/// let server = try SluiceServer(configuration, logger: logger)
/// try await server.run(adminKey: nil) { started in print("listening on port \(started.port)") }
/// ```
public struct SluiceServer: Sendable {
    /// What became known at the start.
    public struct Started: Sendable {
        /// The port that it listens on.
        public let port: Int
        /// The first admin key, where this start made it; it is not known again.
        public let firstKey: Secret?
        /// The providers of the configuration and of the store.
        public let providers: [RegisteredProvider]
    }

    private let parts: Parts
    private let source: ConfigurationSource?
    private let logger: Logger

    /// Makes what providers need; nothing is asked yet.
    ///
    /// With `source`, the configuration is read from there again while the server runs. Throws ``ConfigurationError`` for what only
    /// the parts themselves can judge.
    public init(_ configuration: Configuration, source: ConfigurationSource? = nil, logger: Logger) throws {
        self.parts = try Parts(configuration, logger: logger)
        self.source = source
        self.logger = logger
    }

    /// Reads a configuration file; without one, what needs no file.
    ///
    /// Throws every fault at once.
    public static func configuration(
        file: String?,
        environment: [String: String]
    ) throws(ConfigurationError) -> Configuration {
        guard let file else {
            return try ConfigurationFile.standard(environment: environment, checkProvider: ProviderCatalog.problems)
        }
        let yaml: String
        do { yaml = try String(contentsOfFile: file, encoding: .utf8) } catch {
            let message = "cannot be read as UTF-8 text: \(error.localizedDescription)"
            throw ConfigurationError([FieldProblem(field: file, message: message)])
        }
        let configuration = try ConfigurationFile.read(
            yaml,
            environment: environment,
            folder: URL(fileURLWithPath: file).deletingLastPathComponent().path,
            checkProvider: ProviderCatalog.problems
        )
        let problems = Parts.policy(configuration.egress).problems
        guard problems.isEmpty else {
            throw ConfigurationError(problems.map { FieldProblem(field: "egress", message: $0) })
        }
        return configuration
    }

    /// Serves until the process is told to stop (SIGTERM, SIGINT) or the task is cancelled; told again, it ends at once.
    ///
    /// With `takeOver`, the listener of a gateway that runs over the same store is taken over, where there is one, and that
    /// gateway told to stop: no connection is lost in between.
    public func run(
        adminKey: Secret?,
        takeOver: Bool = false,
        onStarted: @escaping @Sendable (Started) async -> Void
    ) async throws {
        if let adminKey, let problem = KeyRing.problem(withAdminKey: adminKey) { throw ConfigurationError([problem]) }
        let configuration = self.parts.configuration
        let store = try Store(directory: configuration.storagePath)
        defer { try? store.close() }
        let vault = try await Vault.open(store, configured: configuration.secretKey)
        let gateway = try await GatewayApplication(
            configuration,
            factory: self.parts.catalog,
            tokens: self.parts.tokens,
            store: store,
            vault: vault,
            adminKey: adminKey,
            surroundings: .init(transfers: { self.transferCount }, tracer: Self.tracer),
            logger: self.logger
        )
        let firstKey = try await gateway.keys.createFirstKeyIfNeeded().map(\.key.secret)
        var between: [any Service] = [TransferService(transfer: self.parts.transfer)]
        if let source {
            between.append(Reloader(source: source, parts: self.parts, gateway: gateway, logger: self.logger))
        }
        let services = try gateway.services(between: between, takeOver: takeOver) { port in
            self.parts.transfer.setOwnListeners([.init(address: configuration.server.host, port: port)])
            await onStarted(Started(port: port, firstKey: firstKey, providers: gateway.providers))
        }
        let group = ServiceGroup(services: services, logger: self.logger)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let stopping = Task { await self.stop(group, gateway, on: signals) }
        defer { stopping.cancel() }
        gateway.onTakenOver { Task { await group.triggerGracefulShutdown() } }
        try await group.run()
    }

    /// Stops gracefully at the first signal, cuts what is under way at the second, and ends the process at the third.
    private func stop(_ group: ServiceGroup, _ gateway: GatewayApplication, on signals: UnixSignalsSequence) async {
        var count = 0
        for await _ in signals {
            count += 1
            switch count {
            case 1: await group.triggerGracefulShutdown()
            case 2:
                self.logger.warning("Told to stop again: what is under way is cut.")
                await group.triggerGracefulShutdown()
                gateway.cut()
            default: exit(1)
            }
        }
    }

    /// Who collects spans: what an executable of one's own has bootstrapped; this one has nobody.
    private static var tracer: (any Tracer)? {
        let tracer = InstrumentationSystem.tracer
        return tracer is NoOpTracer ? nil : tracer
    }

    private var transferCount: TransferCount {
        let transfer = self.parts.transfer
        return TransferCount(open: transfer.openTransfers, begun: transfer.begunTransfers)
    }

    /// Loads every token issuer's keys once, to see whether they can be had.
    public func testTokenKeys() async -> [JWTVerifier.KeyTest] { await self.parts.tokens.testKeys() }

    /// The providers of the configuration, and of the store where there is one, for uses beside a server.
    public func providers() async throws -> [RegisteredProvider] {
        let loader = ProviderLoader(self.parts.catalog, logger: self.logger)
        let folder = self.parts.configuration.storagePath
        guard FileManager.default.fileExists(atPath: folder + "/sluice.sqlite") else {
            return try loader.load(self.parts.configuration.providers)
        }
        let store = try Store(directory: folder)
        defer { try? store.close() }
        let vault = try await Vault.open(store, configured: self.parts.configuration.secretKey)
        return try await loader.load(self.parts.configuration.providers, store, vault)
    }

    /// Ends the transfers' thread, for uses of the providers without ``run(adminKey:onStarted:)``.
    public func shutdown() async { await self.parts.transfer.shutdown() }
}

/// Ends the transfers when the gateway stops.
private struct TransferService: Service {
    let transfer: TransferClient

    func run() async throws {
        try? await gracefulShutdown()
        await self.transfer.shutdown()
    }
}
