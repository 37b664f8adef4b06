// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOExtras
import NIOHTTPTypes

/// Holds the client of one HTTP/1.1 connection, or of one HTTP/2 stream, to the time that a request may take on its way in.
///
/// It belongs to the connection's event loop. What the gateway itself takes, for an answer or until it reads on, does not count.
final class RequestClock {
    private enum Phase {
        /// No byte of the next request is there.
        case idle
        case head
        /// The head is read; the client is waited for only while the server asks for more.
        case body
        case answer
    }

    private let server: Configuration.Server
    private let channel: any Channel
    private let onRefusal: (FrontDoorRefusal) -> Void
    private var phase = Phase.idle
    private var isFirst = true
    private var isStopping = false
    /// Requests that were read and not answered.
    private var unanswered = 0
    private var deadline: NIODeadline?
    private var timer: Scheduled<Void>?
    // Of the body that is read.
    private var received: Int64 = 0
    private var waited = TimeAmount.zero
    private var waitingSince: NIODeadline?

    init(_ server: Configuration.Server, _ channel: any Channel, onRefusal: @escaping (FrontDoorRefusal) -> Void) {
        self.server = server
        self.channel = channel
        self.onRefusal = onRefusal
        self.enter(.idle)
    }

    /// How long a request may be on its way that was sent before its sender could know of the stop.
    private static let grace = 2.0

    /// Whether no byte of a request is there that is not answered.
    var isIdle: Bool { self.phase == .idle && self.unanswered == 0 && !self.isStopping }

    // MARK: What happens

    /// A whole request came and was answered, without anybody else here seeing it.
    func answeredAtOnce() {
        self.isFirst = false
        self.enter(.idle)
    }

    /// Bytes came, of whatever.
    func bytesCame() { if self.phase == .idle { self.enter(.head) } }

    func headCame() {
        self.unanswered += 1
        self.isFirst = false
        (self.received, self.waited, self.waitingSince) = (0, .zero, nil)
        self.enter(.body)
    }

    /// The server reads on.
    func readBegan() { if self.phase == .body, self.waitingSince == nil { self.waitingSince = .now() } }

    func bodyCame(_ bytes: Int) {
        self.received += Int64(bytes)
        self.stopWaiting()
    }

    func requestEnded() {
        self.stopWaiting()
        self.enter(self.unanswered > 0 ? .answer : .idle)
    }

    func answerEnded() {
        self.unanswered -= 1
        // An answer may come before its request has ended.
        if self.phase == .answer, self.unanswered == 0 { self.enter(.idle) }
    }

    /// No further request is wanted; one that is on its way is still answered.
    func stop() {
        self.isStopping = true
        if self.phase == .idle { self.enter(.idle) }
    }

    /// Whether the connection is of no more use once the last answer is out.
    var isOver: Bool { self.isStopping && self.unanswered == 0 }

    func ended() {
        self.deadline = nil
        self.timer?.cancel()
        self.timer = nil
    }

    // MARK: Time

    private func stopWaiting() {
        if let since = self.waitingSince { self.waited = self.waited + (NIODeadline.now() - since) }
        self.waitingSince = nil
    }

    private func enter(_ phase: Phase) {
        self.phase = phase
        let patience: TimeAmount? =
            switch phase {
            case .idle: .seconds(fraction: min(self.server.idleTimeout, self.isStopping ? Self.grace : .infinity))
            case .head: .seconds(fraction: self.server.headerTimeout)
            case .body: self.server.minBodyRate > 0 ? .seconds(fraction: min(self.server.headerTimeout, 1)) : nil
            case .answer: nil
            }
        self.deadline = patience.map { .now() + $0 }
        guard let deadline else { return }
        // One that is set comes early or just in time, and sets the next, but for one of a longer patience.
        if let timer = self.timer, self.timerDeadline > deadline { timer.cancel() } else if self.timer != nil { return }
        self.schedule(deadline)
    }

    private var timerDeadline = NIODeadline.distantFuture

    private func schedule(_ deadline: NIODeadline) {
        self.timerDeadline = deadline
        // The handlers that hold the clock end it when they go.
        self.timer = self.channel.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            self?.timerFired()
        }
    }

    private func timerFired() {
        self.timer = nil
        guard let deadline else { return }
        guard NIODeadline.now() >= deadline else { return self.schedule(deadline) }
        switch self.phase {
        case .idle:
            if self.isFirst, !self.isStopping { self.onRefusal(.slowHead) }
            self.channel.close(promise: nil)
        case .head: self.refuse(.slowHead)
        case .body: if self.isBodyTooSlow { self.refuse(.slowBody) } else { self.enter(.body) }
        case .answer: break
        }
    }

    /// Judged once the client was waited for as long as for a head.
    private var isBodyTooSlow: Bool {
        let open = self.waitingSince.map { NIODeadline.now() - $0 } ?? .zero
        let seconds = Double((self.waited + open).nanoseconds) / 1e9
        return seconds >= self.server.headerTimeout && Double(self.received) < seconds * Double(self.server.minBodyRate)
    }

    /// Ends the connection, without an answer.
    func refuse(_ reason: FrontDoorRefusal) {
        self.onRefusal(reason)
        self.channel.close(promise: nil)
    }
}

/// Tells the clock of a connection what was read and answered; stands behind the decoder.
final class RequestClockHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart

    private let clock: RequestClock

    init(_ clock: RequestClock) { self.clock = clock }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head: self.clock.headCame()
        case .body(let bytes): self.clock.bodyCame(bytes.readableBytes)
        case .end: self.clock.requestEnded()
        }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { self.clock.stop() }
        context.fireUserInboundEventTriggered(event)
    }

    func read(context: ChannelHandlerContext) {
        self.clock.readBegan()
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = self.unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        self.clock.answerEnded()
        guard self.clock.isOver else { return context.write(data, promise: promise) }
        // Closed at once, the connection would lose what it has not sent yet.
        let promise = promise ?? context.eventLoop.makePromise()
        let channel = context.channel
        promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(data, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.clock.ended() }
}

extension TimeAmount {
    /// Seconds of the configuration, whose bounds fit.
    static func seconds(fraction seconds: Double) -> TimeAmount {
        .nanoseconds(Int64((min(max(seconds, 0), 1e9) * 1e9).rounded()))
    }
}
