// SPDX-License-Identifier: Apache-2.0

public import Downloads
public import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle
public import Tracing

/// The gateway as a whole: the only list of its routes and of the middleware in front of them.
///
/// ```swift
/// let gateway = try await GatewayApplication(configuration, factory: catalog, store: store, vault: vault)
/// try await ServiceGroup(services: gateway.services(), gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
public struct GatewayApplication: Sendable {
    /// What the outside world is to the gateway; tests pass in their own.
    public struct Surroundings: Sendable {
        /// The time of day.
        public var now: @Sendable () -> Date
        /// The time that limits are measured by.
        public var instant: @Sendable () -> ContinuousClock.Instant
        /// Waits, in the time of ``instant``; ends with an error when the task is cancelled.
        public var sleep: @Sendable (Duration) async throws -> Void
        /// How many transfers from and to upstreams there are, for `/metrics`.
        public var transfers: @Sendable () async -> TransferCount
        /// Who collects spans; `nil`: nobody.
        public var tracer: (any Tracer)?

        /// Creates surroundings; the defaults are the real ones.
        public init(
            now: @escaping @Sendable () -> Date = { Date() },
            instant: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
            sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
            transfers: @escaping @Sendable () async -> TransferCount = { TransferCount() },
            tracer: (any Tracer)? = nil
        ) {
            self.now = now
            self.instant = instant
            self.sleep = sleep
            self.transfers = transfers
            self.tracer = tracer
        }
    }

    /// The gateway keys, for commands that work beside the server.
    public let keys: KeyRing
    /// What goes through the front door, and what it turned away.
    public let counts = FrontDoorCounts()

    let log: LogWriter
    let limits: LimitKeeper
    private let logs: LogStore
    let configuration: Configuration
    let library: DownloadLibrary
    let jobs: JobRunner
    private let administration: ProviderAdministration
    private let cursors: ListCursorCoder
    private let logCursors: CursorSeal
    private let tokens: Live<JWTVerifier>
    private let authenticator: Authenticator
    private let store: Store
    let surroundings: Surroundings
    let server: Live<Configuration.Server>
    let proxies: Live<TrustedProxies>
    let defaultLimits: Live<RateLimitPolicy>
    let sentAnswers = SentAnswers()
    let requestIDs: RequestIDs
    /// `nil`: plain HTTP.
    let tls: TLSIdentity?
    let connections: OpenConnections
    let handOver: HandOver
    let logger: Logger

    /// Puts the gateway together, with the providers of the configuration and of the store; nothing listens yet.
    ///
    /// `tokens` are those of the configuration's issuers.
    ///
    /// Throws where the store cannot be read, or a provider cannot be made.
    public init(
        _ configuration: Configuration,
        factory: any ProviderFactory,
        tokens: JWTVerifier,
        store: Store,
        vault: Vault,
        adminKey: Secret? = nil,
        surroundings: Surroundings = Surroundings(),
        logger: Logger
    ) async throws {
        self.configuration = configuration
        self.store = store
        self.surroundings = surroundings
        self.server = Live(configuration.server)
        self.proxies = Live(TrustedProxies(ranges: configuration.server.trustedProxies))
        self.defaultLimits = Live(configuration.defaultLimits)
        self.logger = logger
        self.requestIDs = RequestIDs(now: surroundings.now)
        self.tls = try configuration.server.tls.map { try TLSIdentity($0, logger: logger) }
        self.connections = OpenConnections(counts: self.counts)
        self.handOver = HandOver(folder: store.directory, logger: logger)
        self.keys = KeyRing(store: store, masterSecret: vault.root, adminKey: adminKey, clock: surroundings.now)
        self.tokens = Live(tokens)
        self.authenticator = Authenticator(keys: self.keys, tokens: self.tokens)
        self.logs = LogStore(store)
        self.log = LogWriter(
            journal: LogJournal(store, masterSecret: vault.root, clock: surroundings.now),
            logger: logger,
            retention: .seconds(configuration.logRetention)
        )
        self.cursors = ListCursorCoder(secret: vault.root)
        self.logCursors = CursorSeal(secret: vault.root, purpose: "log")
        let loader = ProviderLoader(factory, logger: logger)
        let providers = try await loader.load(configuration.providers, store, vault)
        let feed = DownloadFeed(startingAt: surroundings.now())
        let catalogue = try await Catalogue(store: CatalogueStore(store), feed: feed, logger: logger)
        self.limits = LimitKeeper(
            limiter: RateLimiter(),
            table: LimitAccountTable(store),
            now: { LimitMoment(instant: surroundings.instant(), date: surroundings.now()) },
            logger: logger
        )
        try await self.limits.load()
        let directory = ProviderDirectory(providers, root: vault.root)
        self.jobs = JobRunner(
            table: JobTable(store, vault),
            directory: directory,
            catalogue: catalogue,
            policy: configuration.jobs,
            feed: feed,
            now: surroundings.now,
            instant: surroundings.instant,
            sleep: surroundings.sleep,
            logger: logger
        )
        self.library = DownloadLibrary(
            directory: directory,
            catalogue: catalogue,
            digests: try await MeasuredDigests(table: DigestTable(store), surroundings, logger: logger),
            freshness: configuration.freshness,
            fanOut: configuration.fanOut,
            archives: configuration.archives,
            spools: SpoolFolder(path: store.directory, most: configuration.jobs.mostSpooled),
            now: surroundings.now,
            resuming: RetryPolicy(retries: 3, sleep: surroundings.sleep),
            jobs: self.jobs,
            logger: logger
        )
        self.administration = ProviderAdministration(
            self.library.directory,
            loader: loader,
            store: store,
            vault: vault,
            catalogue: catalogue,
            now: surroundings.now
        )
    }

    /// The providers as they are now.
    public var providers: [RegisteredProvider] { self.library.directory.current.registered }

    /// What runs, in the order of starting; stopped in reverse, so that the door closes first and the log last.
    ///
    /// `onListening` is called with the port once connections are accepted; `between` stops after the door and before the log. With
    /// `takeOver`, the listener of a gateway over the same store is taken, where there is one.
    public func services(
        between: [any Service] = [],
        takeOver: Bool = false,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws -> [any Service] {
        let keeper = CatalogueKeeper(
            catalogue: self.library.catalogue,
            digests: self.library.digests,
            staleFor: self.configuration.freshness.staleFor,
            now: self.surroundings.now
        )
        let jobs = JobService(
            runner: self.jobs,
            sources: self.library,
            folder: self.store.directory,
            logger: self.logger
        )
        let door = try self.frontDoor(takeOver: takeOver, onListening: onListening)
        let first: [any Service] = [self.log, self.keys, self.limits, keeper, JWKSetKeeper(tokens: self.tokens)]
        let tls: [any Service] = self.tls.map { [$0] } ?? []
        return first + between + tls + [Together(services: [jobs, door])]
    }

    /// Calls `action` once another gateway has taken this one's listener over, so that this one is to stop.
    public func onTakenOver(_ action: @escaping @Sendable () -> Void) { self.handOver.onTaken(action) }

    /// Closes every connection, whatever it is at.
    public func cut() { self.connections.closeAll() }

    /// Serves by another configuration from now on, as far as that takes no restart; streams go on with what they began with.
    ///
    /// `factory` is given where providers are to be made in another way than before. Throws where a provider cannot be made or the
    /// store cannot be read; then all stays as it was.
    public func reload(
        _ configuration: Configuration,
        factory: (any ProviderFactory)?,
        tokens: JWTVerifier
    ) async throws {
        try await self.administration.reload(configuration.providers, factory)
        self.tokens.replace(tokens)
        tokens.refreshKeys()
        self.server.replace(configuration.server)
        self.proxies.replace(TrustedProxies(ranges: configuration.server.trustedProxies))
        self.defaultLimits.replace(configuration.defaultLimits)
        self.tls?.reload()
    }

    // MARK: HTTP

    /// Every route, behind the middleware in the order of a request: log, origins, problem, overload, target, authentication,
    /// limits.
    func router(_ plan: RoutePlan) throws -> Router<GatewayContext> {
        let metrics = plan.metrics
        let router = Router(context: GatewayContext.self)
        router.add(
            middleware: LogMiddleware(
                log: RequestLog(log: self.log, metrics: metrics.requests),
                requestIDs: self.requestIDs,
                proxies: self.proxies,
                sentAnswers: self.sentAnswers,
                tracer: self.surroundings.tracer,
                now: self.surroundings.now
            )
        )
        router.add(middleware: CORSMiddleware(server: self.server))
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: OverloadMiddleware(counts: self.counts, server: self.server))
        router.add(middleware: TargetMiddleware(counts: self.counts, server: self.server))
        let openPaths = HealthRoutes.paths.union(self.configuration.openMetrics ? [MetricsRoutes.path] : [])
        router.add(
            middleware: AuthenticationMiddleware(
                openPaths: openPaths,
                authenticator: self.authenticator,
                now: self.surroundings.now
            )
        )
        router.add(
            middleware: RateLimitMiddleware(
                source: self.limitSource,
                refusals: metrics.refusals
            )
        )
        router.add(middleware: RouteTableMiddleware(table: plan.table))
        try self.addRoutes(to: router, metrics)
        return router
    }

    /// Read once: it is the same for every gateway of the process.
    private static let contract = Result {
        try OpenAPIRoutes(yaml: String(decoding: PackageResources.openapi_yaml, as: UTF8.self))
    }

    func addRoutes(to router: Router<GatewayContext>, _ metrics: GatewayMetrics) throws {
        let linkBase = self.configuration.server.publicURL.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } ?? ""
        DownloadRoutes(
            library: self.library,
            keys: self.keys,
            cursors: self.cursors,
            texts: DownloadTexts(linkBase: linkBase),
            stallTimeout: self.configuration.server.stallTimeout,
            watch: DownloadWatch(
                library: self.library,
                instant: self.surroundings.instant,
                sleep: self.surroundings.sleep
            ),
            now: self.surroundings.now
        )
        .add(to: router)
        ProviderRoutes(directory: self.library.directory, administration: self.administration).add(to: router)
        KeyRoutes(keys: self.keys, now: self.surroundings.now).add(to: router)
        LogRoutes(
            log: self.log,
            store: self.logs,
            keys: self.keys,
            cursors: self.logCursors,
            stallTimeout: self.configuration.server.stallTimeout,
            now: self.surroundings.now,
            sleep: self.surroundings.sleep
        )
        .add(to: router)
        UsageRoutes(log: self.log, usage: UsageStore(self.store)).add(to: router)
        try Self.contract.get().add(to: router)
        let store = self.store
        let directory = self.library.directory
        HealthRoutes(
            isStoreWritable: { await store.isWritable },
            providers: { directory.current.registered.map(\.entry.health.snapshot.state) }
        )
        .add(to: router)
        MetricsRoutes(metrics: metrics, isOpen: self.configuration.openMetrics).add(to: router)
    }
}
