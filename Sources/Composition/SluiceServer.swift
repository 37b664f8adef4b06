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

    private let configuration: Configuration
    private let tokens: JWTVerifier
    private let catalog: ProviderCatalog
    private let transfer: TransferClient
    private let logger: Logger

    /// Makes what providers need; nothing is asked yet.
    ///
    /// Throws ``ConfigurationError`` for what only the parts themselves can judge.
    public init(_ configuration: Configuration, logger: Logger) throws {
        let egress = Self.policy(configuration.egress)
        guard egress.problems.isEmpty else {
            throw ConfigurationError(egress.problems.map { FieldProblem(field: "egress", message: $0) })
        }
        let transfer = TransferClient(egress: egress, logger: logger)
        let limits = TransferLimits(
            connect: .seconds(configuration.upstream.connectTimeout),
            firstByte: .seconds(configuration.upstream.firstByteTimeout),
            idle: .seconds(configuration.upstream.idleTimeout)
        )
        let web = WebEnvironment(
            storage: configuration.storagePath,
            maxBytes: configuration.egress.maxBytes,
            maxRedirects: configuration.egress.maxRedirects
        )
        self.catalog = ProviderCatalog(transfer: transfer, limits: limits, web: web, logger: logger)
        self.tokens = try JWTVerifier(configuration.issuers, fetch: KeyFetch(by: transfer), logger: logger)
        self.configuration = configuration
        self.transfer = transfer
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
        guard let yaml = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw ConfigurationError([FieldProblem(field: file, message: "cannot be read as UTF-8 text")])
        }
        let configuration = try ConfigurationFile.read(
            yaml,
            environment: environment,
            folder: URL(fileURLWithPath: file).deletingLastPathComponent().path,
            checkProvider: ProviderCatalog.problems
        )
        let problems = Self.policy(configuration.egress).problems
        guard problems.isEmpty else {
            throw ConfigurationError(problems.map { FieldProblem(field: "egress", message: $0) })
        }
        return configuration
    }

    private static func policy(_ egress: Configuration.Egress) -> EgressPolicy {
        EgressPolicy(
            allowAddresses: egress.allowAddresses,
            allowHTTP: egress.allowHTTP,
            allowDomains: egress.allowDomains,
            blockDomains: egress.blockDomains
        )
    }

    /// Serves until the process is told to stop (SIGTERM, SIGINT) or the task is cancelled.
    public func run(
        adminKey: Secret?,
        onStarted: @escaping @Sendable (Started) async -> Void
    ) async throws {
        if let adminKey, let problem = KeyRing.problem(withAdminKey: adminKey) { throw ConfigurationError([problem]) }
        let store = try Store(directory: self.configuration.storagePath)
        defer { try? store.close() }
        let vault = try await Vault.open(store, configured: self.configuration.secretKey)
        let gateway = try await GatewayApplication(
            self.configuration,
            factory: self.catalog,
            tokens: self.tokens,
            store: store,
            vault: vault,
            adminKey: adminKey,
            surroundings: .init(transfers: { await self.transferCount }, tracer: Self.tracer),
            logger: self.logger
        )
        let firstKey = try await gateway.keys.createFirstKeyIfNeeded().map(\.key.secret)
        let services = try gateway.services(between: [TransferService(transfer: self.transfer)]) { port in
            await self.transfer.setOwnListeners([.init(address: self.configuration.server.host, port: port)])
            await onStarted(Started(port: port, firstKey: firstKey, providers: gateway.providers))
        }
        let group = ServiceGroup(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: self.logger
        )
        try await group.run()
    }

    /// Who collects spans: what an executable of one's own has bootstrapped; this one has nobody.
    private static var tracer: (any Tracer)? {
        let tracer = InstrumentationSystem.tracer
        return tracer is NoOpTracer ? nil : tracer
    }

    private var transferCount: TransferCount {
        get async { TransferCount(open: await self.transfer.openTransfers, begun: self.transfer.begunTransfers) }
    }

    /// Loads every token issuer's keys once, to see whether they can be had.
    public func testTokenKeys() async -> [JWTVerifier.KeyTest] { await self.tokens.testKeys() }

    /// The providers of the configuration, and of the store where there is one, for uses beside a server.
    public func providers() async throws -> [RegisteredProvider] {
        let loader = ProviderLoader(self.catalog, logger: self.logger)
        let folder = self.configuration.storagePath
        guard FileManager.default.fileExists(atPath: folder + "/sluice.sqlite") else {
            return try loader.load(self.configuration.providers)
        }
        let store = try Store(directory: folder)
        defer { try? store.close() }
        let vault = try await Vault.open(store, configured: self.configuration.secretKey)
        return try await loader.load(self.configuration.providers, store, vault)
    }

    /// Ends the transfers' thread, for uses of the providers without ``run(adminKey:onStarted:)``.
    public func shutdown() async { await self.transfer.shutdown() }
}

/// Ends the transfers when the gateway stops.
private struct TransferService: Service {
    let transfer: TransferClient

    func run() async throws {
        try? await gracefulShutdown()
        await self.transfer.shutdown()
    }
}
