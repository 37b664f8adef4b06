// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// One HTTP listener of a simulator: records every request, injects the queued faults, and counts its connections.
public final class SimulatorServer: Sendable {
    /// Answers a request.
    typealias Handler = @Sendable (SimulatedRequest) async -> SimulatedResponse

    /// `http://127.0.0.1:port`.
    public let baseURL: String
    /// What goes wrong next.
    public let faults: SimulatorFaults
    private let log: RequestLog
    private let connections: OpenConnections
    private let running: Task<Void, Never>

    private init(
        port: Int,
        faults: SimulatorFaults,
        log: RequestLog,
        open: OpenConnections,
        running: Task<Void, Never>
    ) {
        self.baseURL = "http://127.0.0.1:\(port)"
        self.faults = faults
        self.log = log
        self.connections = open
        self.running = running
    }

    /// Every request so far, in order.
    public var requests: [SimulatedRequest] { self.log.requests }
    /// Connections that are open now.
    public var openConnections: Int { self.connections.count }
    /// Connections that were ever accepted.
    public var acceptedConnections: Int { self.connections.accepted }

    /// Forgets the requests so far.
    public func clearRequests() { self.log.clear() }

    /// Listens on 127.0.0.1, where `port` is 0 on a free one.
    ///
    /// Requests that broke off are handed over too where `seesBroken`. Throws where the port is taken.
    static func start(
        port: Int,
        seesBroken: Bool = false,
        _ handler: @escaping Handler
    ) async throws -> SimulatorServer {
        let (faults, log, open) = (SimulatorFaults(), RequestLog(), OpenConnections())
        let unhandled = StoppableChannel.Unhandled()
        let (ports, continuation) = AsyncThrowingStream.makeStream(of: Int.self)
        let application = Application(
            responder: FaultyResponder(handler: handler, faults: faults, log: log, seesBroken: seesBroken),
            server: HTTPServerBuilder { responder in
                let http = HTTP1Channel(
                    responder: responder,
                    configuration: .init(additionalChannelHandlers: [ConnectionObserver(open)])
                )
                return StoppableChannel(http, unhandled)
            },
            configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "simulator", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let running = Task {
            do {
                try await application.run()
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
            await unhandled.finish()
        }
        for try await port in ports {
            return SimulatorServer(port: port, faults: faults, log: log, open: open, running: running)
        }
        throw CancellationError()
    }

    /// Closes every connection and the door; returns when nothing listens any more.
    public func stop() async {
        self.running.cancel()
        self.connections.closeAll()
        await self.running.value
    }
}

/// Carries the connection to where faults are made.
struct SimulatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.channel = source.channel
    }
}

/// Puts the record and the faults around a simulator's own answers.
private struct FaultyResponder: HTTPResponder {
    let handler: SimulatorServer.Handler
    let faults: SimulatorFaults
    let log: RequestLog
    let seesBroken: Bool

    /// The longest body of a request.
    private static let longest = 1 << 30

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        let cut = self.faults.takeCut(for: SimulatedRequest(request.head, body: ByteBuffer()))
        let (body, broken) = await Self.body(of: request, upTo: cut ?? Self.longest)
        let seen = SimulatedRequest(request.head, body: body, isWhole: broken == nil)
        let number = self.log.begin(seen)
        if let broken {
            self.log.end(number, as: cut == nil ? .peerLeft : .broken)
            if self.seesBroken { _ = await self.handler(seen) }
            if cut != nil { try await context.channel.reset() }
            throw broken
        }
        // Where the peer leaves before the head is written, nobody else would notice.
        context.channel.closeFuture.whenComplete { _ in self.log.end(number, as: .peerLeft) }
        let fault = self.faults.take(for: seen)
        var answer: SimulatedResponse
        switch fault {
        case .stallBeforeHead:
            try? await context.channel.closeFuture.get()
            self.log.end(number, as: .peerLeft)
            throw ChannelError.eof
        case .resetBeforeHead:
            self.log.end(number, as: .broken)
            try await context.channel.reset()
            throw ChannelError.eof
        case .answer(let status, let headers, let body):
            answer = SimulatedResponse(status, headers: headers, body: .bytes(ByteBuffer(string: body)))
        case .delayHead(let delay):
            try await Task.sleep(for: delay)
            answer = await self.handler(seen)
        case .ignoreRange:
            answer = await self.handler(seen.without("Range"))
        default:
            answer = await self.handler(seen)
        }
        if fault == .truncateJSON { answer.body = answer.body.firstHalf }
        let sender = BodySender(answer.body, fault: fault, channel: context.channel, log: self.log, number: number)
        return sender.response(for: answer, isHead: request.method == .head)
    }

    /// What came of a body, and why it is not all of it.
    private static func body(of request: Request, upTo most: Int) async -> (ByteBuffer, (any Error)?) {
        var body = ByteBuffer()
        if let length = request.headers[.contentLength].flatMap({ Int($0) }) {
            body.reserveCapacity(min(length, most))
        }
        do {
            for try await var piece in request.body {
                guard let part = piece.readSlice(length: min(piece.readableBytes, most - body.readableBytes)) else {
                    continue
                }
                body.writeImmutableBuffer(part)
                if piece.readableBytes > 0 || body.readableBytes == most { return (body, ChannelError.eof) }
            }
            return (body, nil)
        } catch {
            return (body, error)
        }
    }
}

extension Channel {
    /// Closes with a RST instead of a FIN.
    func reset() async throws {
        if let options = self as? any SocketOptionProvider {
            try? await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        try? await self.close()
    }
}
