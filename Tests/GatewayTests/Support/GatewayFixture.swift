// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import ServiceLifecycle
import Synchronization
import Testing
import Tracing

@testable import Gateway

/// The whole gateway over fake providers: a real store in a folder of its own, a time that the test moves.
final class GatewayFixture: Sendable {
    static let adminKey = "the-admin-key-of-all-tests"

    let stored: StoreFixture
    let gateway: GatewayApplication
    private let responder: RouterResponder<GatewayContext>
    var time: TestTime { self.stored.time }

    /// `unconfigured` are providers without a usable credential; `upstreams` are there for providers that are made at run time.
    init(
        _ providers: [FakeProvider],
        unconfigured: [String] = [],
        upstreams: [FakeProvider] = [],
        stored: StoreFixture? = nil,
        configure: (inout Gateway.Configuration) -> Void = { _ in },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        tracer: (any Tracer)? = nil
    ) async throws {
        let stored = try stored ?? StoreFixture()
        self.stored = stored
        var configuration = Gateway.Configuration()
        // Nothing is known where nothing is allowed to be; each test that is about freshness sets its own.
        configuration.defaultLimits = RateLimitPolicy()
        configuration.providers = (providers.map(\.id) + unconfigured.compactMap(ProviderID.init)).map {
            ProviderConfiguration(id: $0, kind: "fake")
        }
        configuration.server.port = 0
        // What a test leaves open is not waited for.
        configuration.server.drainTimeout = 0.05
        configure(&configuration)
        let time = stored.time
        let (start, origin) = (time.now, ContinuousClock.now)
        self.gateway = try await GatewayApplication(
            configuration,
            factory: FakeFactory(configured: providers, upstreams: upstreams),
            tokens: try JWTForge.verifier(configuration.issuers),
            store: stored.store,
            vault: try await stored.vault(),
            adminKey: Secret(Self.adminKey),
            surroundings: .init(
                now: time.clock,
                instant: { origin.advanced(by: .seconds(time.now.timeIntervalSince(start))) },
                sleep: sleep,
                tracer: tracer
            ),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        self.responder = try self.gateway.router(self.gateway.plan()).buildResponder()
    }

    /// Makes a gateway key and answers its secret.
    func key(
        _ scopes: Set<Scope> = [.read],
        providers: Set<ProviderID>? = nil,
        sessions: [String]? = nil,
        limits: RateLimitPolicy? = nil,
        expiresAt: Date? = nil
    ) async throws -> String {
        let settings = KeySettings(
            name: "a test",
            scopes: scopes,
            providers: providers,
            sessions: sessions?.compactMap { SessionGlob($0) },
            limits: limits,
            expiresAt: expiresAt
        )
        return try await self.gateway.keys.create(settings).key.secret.reveal()
    }

    // MARK: Requests

    /// Sends a request straight to the router; `key` `nil` sends none.
    func send(
        _ method: HTTPRequest.Method = .get,
        _ uri: String,
        key: String? = GatewayFixture.adminKey,
        headers: HTTPFields = [:],
        body: String? = nil
    ) async throws -> Answer {
        try await self.answer(to: self.request(method, uri, key, headers, body), on: Self.channel())
    }

    func request(
        _ method: HTTPRequest.Method,
        _ uri: String,
        _ key: String?,
        _ headers: HTTPFields,
        _ body: String?
    ) -> Request {
        var headers = headers
        if let key { headers[.authorization] = "Bearer \(key)" }
        if let body { headers[.contentLength] = String(body.utf8.count) }
        return Request(
            head: HTTPRequest(method: method, scheme: "http", authority: "localhost", path: uri, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(string: body ?? ""))
        )
    }

    /// The answer with its whole body; throws what the body ends with where it does not end well.
    func answer(to request: Request, on channel: any Channel) async throws -> Answer {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let context = GatewayContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
        let response = try await self.responder.respond(to: request, context: context)
        let collected = CollectedBody()
        try await response.body.write(CollectingWriter(collected))
        let body = collected.bytes.withLock { $0 }
        return Answer(status: response.status, headers: response.headers, body: body)
    }

    /// A connection that is open, to nowhere.
    static func channel() async throws -> NIOAsyncTestingChannel {
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.7", port: 1)).get()
        return channel
    }

    /// Sends a `GET` that must be answered with 200, and reads its JSON.
    func json(_ uri: String, key: String = GatewayFixture.adminKey, headers: HTTPFields = [:]) async throws -> JSONValue
    {
        var headers = headers
        headers[.accept] = headers[.accept] ?? "application/json"
        return try await self.send(.get, uri, key: key, headers: headers).json(expecting: .ok)
    }

    /// The id of a download, as lists show it.
    func id(of download: Download) -> String {
        DownloadID(secret: self.stored.secret, providers: [download.reference.provider]).id(for: download.reference)
    }

    func path(of download: Download) -> String { "/v1/downloads/\(self.id(of: download))" }

    // MARK: Sockets

    /// Runs the server on a free port while `work` lasts.
    func live(_ work: @Sendable (_ port: Int) async throws -> Void) async throws {
        try await self.live { port, _ in try await work(port) }
    }

    /// The same for work that stops the server itself.
    func live(_ work: @Sendable (_ port: Int, _ server: ServiceGroup) async throws -> Void) async throws {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let door = try self.gateway.frontDoor { continuation.yield($0) }
        let group = ServiceGroup(services: [door], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task {
            defer { continuation.finish() }
            try await group.run()
        }
        do {
            for await port in ports {
                try await work(port, group)
                break
            }
        } catch {
            await group.triggerGracefulShutdown()
            _ = await running.result
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    // MARK: Log

    /// Every log entry, the oldest first.
    func log() async throws -> [LogEntry] {
        await self.gateway.log.flush()
        return try await LogStore(self.stored.store).page(LogQuery()).entries.reversed()
    }

    /// The log entry of a request, once it is closed.
    func logEntry(of requestID: String) async throws -> LogEntry {
        var found: LogEntry?
        try await eventually("the request \(requestID) is in the log") {
            found = try await self.log().first { $0.requestId == requestID }
            return found != nil
        }
        guard let found else { throw NeverHappened() }
        return found
    }
}

private final class CollectedBody: Sendable {
    let bytes = Mutex(ByteBuffer())
}

private struct CollectingWriter: ResponseBodyWriter {
    private let collected: CollectedBody

    init(_ collected: CollectedBody) { self.collected = collected }

    func write(_ buffer: ByteBuffer) async throws {
        self.collected.bytes.withLock { _ = $0.writeImmutableBuffer(buffer) }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
