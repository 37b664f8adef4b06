// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOHTTPTypesHTTP2
import NIOSSL
import NIOTLS

/// A connection of the front door: admitted, bounded, and its requests handled on its own event loop.
///
/// On the pool of tasks, each read, each write and each answer would be handed from thread to thread. What blocks must not
/// happen in a handler, here as there; SQLite and libcurl have threads of their own.
struct FrontDoorChannel: Sendable {
    /// One request after the other.
    typealias Connection = HTTP1Channel.Value
    /// What TLS agreed on: one connection, or many streams that are each as one.
    typealias Negotiated = NIONegotiatedHTTPVersion<Connection, NIOHTTP2Handler.AsyncStreamMultiplexer<Connection>>

    /// A connection that is set up.
    enum Value: Sendable {
        case plain(Connection)
        case secure(EventLoopFuture<Negotiated>)

        /// Runs its tasks on its event loop.
        var executor: LoopExecutor {
            switch self {
            case .plain(let connection): LoopExecutor(connection.channel.eventLoop)
            case .secure(let agreed): LoopExecutor(agreed.eventLoop)
            }
        }
    }

    /// What a request came over.
    enum Version: Sendable {
        case http1, http2
    }

    let requests: HTTP1Channel
    let server: Live<Configuration.Server>
    let proxies: Live<TrustedProxies>
    /// `nil`: plain HTTP.
    let tls: TLSIdentity?
    let connections: OpenConnections
    let counts: FrontDoorCounts
    /// `nil`: none are given.
    let prepared: PreparedAnswers?
    /// What stands between the codec and the requests, on each connection or stream.
    let handlers: @Sendable (Version) -> [any RemovableChannelHandler]
    let logger: Logger

    /// Waiting bytes beyond which a connection takes no more, until none waits.
    ///
    /// A client that stopped reading is to hold one piece of a body, of which the smallest has 4 KB. What the system takes at
    /// once does not count.
    private static let waiting = ChannelOptions.Types.WriteBufferWaterMark(low: 1, high: 4095)

    /// Bytes that are read at once: most heads fit into the first read, whose buffer a connection keeps; bodies make it larger.
    private static let reading = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1024, maximum: 65_536)

    // MARK: Setting up

    /// Admits a connection; one that is not is closed, and never handled.
    func setUp(_ channel: any Channel) -> EventLoopFuture<Value> {
        let server = self.server.current
        if let refusal = self.connections.admit(channel, server, self.proxies.current) {
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(Refused(reason: refusal))
        }
        return channel.setOption(.writeBufferWaterMark, value: Self.waiting)
            .flatMap { channel.setOption(.recvAllocator, value: Self.reading) }
            .flatMapThrowing {
                guard let context = self.tls?.current else {
                    return .plain(try self.setUpHTTP1(channel, server, isSecure: false))
                }
                return .secure(try self.setUpTLS(channel, server, context))
            }
    }

    private struct Refused: Error {
        let reason: FrontDoorRefusal
    }

    private func setUpTLS(
        _ channel: any Channel,
        _ server: Configuration.Server,
        _ context: NIOSSLContext
    ) throws -> EventLoopFuture<Negotiated> {
        let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Negotiated> { result in
            channel.eventLoop.makeCompletedFuture {
                guard case .negotiated("h2") = result else {
                    return .http1_1(try self.setUpHTTP1(channel, server, isSecure: true))
                }
                return .http2(try self.setUpHTTP2(channel, server))
            }
        }
        try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), negotiation])
        let agreed = negotiation.protocolNegotiationResult
        let timer = channel.eventLoop.scheduleTask(in: .seconds(fraction: server.headerTimeout)) {
            channel.close(promise: nil)
        }
        agreed.whenComplete { result in
            timer.cancel()
            if case .failure = result { self.counts.refused(.handshake) }
        }
        return agreed
    }

    private func setUpHTTP1(
        _ channel: any Channel,
        _ server: Configuration.Server,
        isSecure: Bool
    ) throws -> Connection {
        let pipeline = channel.pipeline.syncOperations
        let clock = RequestClock(server, channel) { self.counts.refused($0) }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = server.maxHeaderBytes / 2
        limits.maxHeaderListSize = server.maxHeaderBytes
        limits.maxHeaderFieldCount = server.maxHeaders
        if let prepared { try pipeline.addHandler(PreparedAnswerHandler(prepared, clock)) }
        let arrivals = ArrivalHandler(clock)
        try pipeline.addHandler(arrivals)
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withErrorHandling: false,
            withOutboundHeaderValidation: false,
            withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: limits
        )
        try pipeline.addHandler(HTTP1RuleHandler(arrivals))
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: isSecure))
        try pipeline.addHandler(RequestClockHandler(clock))
        try pipeline.addHandlers(self.handlers(.http1))
        self.connections.ready(channel)
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel,
            configuration: .init(isOutboundHalfClosureEnabled: true)
        )
    }

    private func setUpHTTP2(
        _ channel: any Channel,
        _ server: Configuration.Server
    ) throws -> NIOHTTP2Handler.AsyncStreamMultiplexer<Connection> {
        // Beside these, NIO bounds what is reset, continued, pinged and sent empty (CVE-2023-44487, CVE-2024-27316 and others).
        var configuration = NIOHTTP2Handler.Configuration()
        configuration.connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: server.maxStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: server.maxHeaderBytes),
        ]
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop,
            configuration: .init(
                maxIdleTime: .seconds(fraction: server.idleTimeout),
                maxAge: nil,
                maxGraceTime: nil,
                keepalive: nil
            )
        )
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HalfClosedHandler())
        let streams: NIOHTTP2Handler.AsyncStreamMultiplexer<Connection> = try pipeline.configureAsyncHTTP2Pipeline(
            mode: .server,
            streamDelegate: manager.http2StreamDelegate,
            frameDelegate: GoAwayWatch(channel: channel) { self.counts.refused(.brokenHTTP2) },
            configuration: configuration
        ) { stream in
            stream.eventLoop.makeCompletedFuture { try self.setUpStream(stream, server) }
        }
        try pipeline.addHandler(manager)
        self.connections.ready(channel)
        return streams
    }

    private func setUpStream(_ stream: any Channel, _ server: Configuration.Server) throws -> Connection {
        let pipeline = stream.pipeline.syncOperations
        let clock = RequestClock(server, stream) { self.counts.refused($0) }
        try pipeline.addHandler(HTTP2FramePayloadToHTTPServerCodec())
        try pipeline.addHandler(RequestClockHandler(clock))
        try pipeline.addHandlers(self.handlers(.http2))
        return try NIOAsyncChannel(wrappingChannelSynchronously: stream)
    }

    // MARK: Handling

    /// Answers the requests of a connection until it ends; to be called in a task that prefers the connection's own executor.
    @concurrent
    func handle(_ value: Value) async {
        switch value {
        case .plain(let connection): await self.requests.handle(value: connection, logger: self.logger)
        case .secure(let agreed): await self.handle(agreed)
        }
    }

    private func handle(_ agreed: EventLoopFuture<Negotiated>) async {
        do {
            switch try await agreed.get() {
            case .http1_1(let connection): await self.requests.handle(value: connection, logger: self.logger)
            case .http2(let streams):
                try await withThrowingDiscardingTaskGroup { group in
                    for try await stream in streams.inbound {
                        group.addTask { await self.requests.handle(value: stream, logger: self.logger) }
                    }
                }
            }
        } catch {
            self.logger.debug("A connection ended with an error.", metadata: ["error": "\(error)"])
        }
    }
}

/// Closes a connection of HTTP/2 whose client closed its side: without it, no stream can go on.
private final class HalfClosedHandler: ChannelInboundHandler {
    typealias InboundIn = Any

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Closes a connection that NIO found at fault: it says so to the client, and leaves the connection as it is.
private struct GoAwayWatch: NIOHTTP2FrameDelegate {
    let channel: any Channel
    let onRefusal: @Sendable () -> Void

    func wroteFrame(_ frame: HTTP2Frame) {
        guard case .goAway(_, let reason, _) = frame.payload, reason != .noError else { return }
        self.onRefusal()
        let channel = self.channel
        // After it was flushed.
        channel.eventLoop.execute { channel.close(promise: nil) }
    }
}

/// Runs tasks on one event loop.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
