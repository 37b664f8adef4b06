// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HummingbirdCore
import NIOConcurrencyHelpers
import NIOCore

/// Passes an upstream's bytes to a client, no faster than the client takes them.
///
/// After the head is out the only honest signal for a broken upstream is a broken connection: every end but the complete
/// one throws, and the server closes the connection without the last chunk or byte. A client that leaves, or that takes
/// nothing for ``stallTimeout``, ends the upstream's transfer too, and so does the end of the caller's right to the bytes.
struct StreamingBody: Sendable {
    let body: ContentBody
    let length: Int64?
    let channel: any Channel
    let stallTimeout: Double
    /// Has the stream watched by ``KeyRing/register(_:needs:cut:)`` until the answer is called; given what cuts it.
    let register: @Sendable (_ cut: @escaping @Sendable () -> Void) -> @Sendable () -> Void
    /// How many bodies the system moved.
    let relayed: Counter
    /// Called once, with the bytes that were handed to the connection, and whether the system has all of the body.
    let onEnd: @Sendable (LogEntry.Outcome, Int64, _ isSent: Bool) -> Void

    /// The body for the server to write.
    func responseBody() -> ResponseBody {
        ResponseBody(contentLength: self.length.flatMap { Int(exactly: $0) }) { writer in
            var sent: Int64 = 0
            let watch = ClientWatch(channel: self.channel, stallTimeout: self.stallTimeout)
            do {
                try await self.write(to: &writer, &sent, watch)
                guard !watch.wasCut else { throw CancellationError() }
                self.onEnd(.complete, sent, watch.hasAll)
            } catch {
                self.onEnd(Self.outcome(of: error, watch), sent, watch.hasAll)
                throw error
            }
        }
    }

    private static func outcome(of error: any Error, _ watch: ClientWatch) -> LogEntry.Outcome {
        guard !watch.wasCut else { return .refused }
        guard !watch.hasAll else { return .complete }
        guard let error = error as? ProviderError, error.kind != .cancelled else { return .clientGone }
        return .upstreamCut
    }

    @concurrent
    private func write(
        to writer: inout any ResponseBodyWriter,
        _ sent: inout Int64,
        _ watch: ClientWatch
    ) async throws {
        let task = withUnsafeCurrentTask { $0 }
        // `UnsafeCurrentTask` must not outlive its task: `stop()`, before this function returns, waits for a running call of
        // the closure and prevents any later one.
        nonisolated(unsafe) let current = task
        watch.start { current?.cancel() }
        defer { watch.stop() }
        let end = self.register { watch.cut() }
        defer { end() }
        let reader = self.body.makeReader()
        while let buffer = try await reader.next() {
            watch.writeBegan()
            try await writer.write(buffer)
            sent += Int64(buffer.readableBytes)
            if !self.channel.isWritable {
                // Returns when the connection takes more: nothing is pulled from the upstream, and nothing held in hand, for
                // a client that does not read.
                try await writer.write(contentsOf: EmptyCollection())
            }
            watch.writeEnded()
            if reader.canRelay { try await self.relay(reader, &sent, watch) }
        }
        try await writer.finish(nil)
    }

    /// Has the system move what is left of a body, as far as it can.
    private func relay(_ reader: any ContentReader, _ sent: inout Int64, _ watch: ClientWatch) async throws {
        watch.writeBegan()
        defer { watch.writeEnded() }
        guard let socket = try await ClientSocket.of(self.channel) else { return }
        // Nobody else holds its descriptor open.
        defer { withExtendedLifetime(socket) {} }
        let before = sent
        while let count = try await reader.relay(into: socket.descriptor, atMost: Self.longestRelay) {
            sent += count
            if sent == self.length { watch.allIsSent() }
            watch.writeEnded()
            watch.writeBegan()
        }
        if sent > before { self.relayed.add() }
    }

    /// Bytes that are moved before they are counted.
    private static let longestRelay: Int64 = 64 << 20
}

/// Watches a connection while a body streams: for the client's leaving, and for a client that takes nothing.
final class ClientWatch: Sendable {
    private struct State {
        var onGone: (@Sendable () -> Void)?
        var wasCut = false
        var hasAll = false
        var writes: UInt64 = 0
        var isWriting = false
        var timer: Scheduled<Void>?
    }

    private let channel: any Channel
    private let stallTimeout: Double
    private let state = NIOLockedValueBox(State())
    /// `true` while ``clientIsGone()`` calls out, which happens outside of the lock: the call may close the channel and so
    /// come back here.
    private let isCalling = ConditionLock(value: false)

    init(channel: any Channel, stallTimeout: Double) {
        self.channel = channel
        self.stallTimeout = stallTimeout
    }

    /// Calls `onGone`, at most once, when the client has closed its side or has stalled.
    func start(onGone: @escaping @Sendable () -> Void) {
        self.state.withLockedValue { $0.onGone = onGone }
        self.channel.eventLoop.execute {
            // A connection that is closed already has no handlers any more.
            guard self.channel.isActive else { return self.clientIsGone() }
            let handler = try? self.channel.pipeline.syncOperations.handler(type: ClientPresenceHandler.self)
            handler?.onInputClosed { self.clientIsGone() }
        }
        self.scheduleCheck(after: 0)
    }

    /// Ends the watch: when this returns, `onGone` is not being called, and will not be.
    func stop() {
        let timer = self.state.withLockedValue { state in
            defer { state = State(wasCut: state.wasCut, hasAll: state.hasAll) }
            return state.timer
        }
        timer?.cancel()
        self.isCalling.lock(whenValue: false)
        self.isCalling.unlock()
    }

    /// Whether ``cut()`` was what ended the body.
    var wasCut: Bool { self.state.withLockedValue { $0.wasCut } }

    /// Whether ``allIsSent()`` was said.
    var hasAll: Bool { self.state.withLockedValue { $0.hasAll } }

    /// The system has all of the body: a client that goes now has it too.
    func allIsSent() { self.state.withLockedValue { $0.hasAll = true } }

    /// Ends the body and its connection, unless it has ended already.
    func cut() {
        let isFirst = self.state.withLockedValue { state in
            guard state.onGone != nil else { return false }
            state.wasCut = true
            return true
        }
        guard isFirst else { return }
        self.clientIsGone()
        self.channel.close(promise: nil)
    }

    func writeBegan() { self.state.withLockedValue { $0.isWriting = true } }

    func writeEnded() {
        self.state.withLockedValue { state in
            state.isWriting = false
            state.writes &+= 1
        }
    }

    private func clientIsGone() {
        let call = self.state.withLockedValue { state -> (@Sendable () -> Void)? in
            defer { state.onGone = nil }
            guard let onGone = state.onGone else { return nil }
            self.isCalling.lock()
            self.isCalling.unlock(withValue: true)
            return onGone
        }
        guard let call else { return }
        call()
        self.isCalling.lock()
        self.isCalling.unlock(withValue: false)
    }

    /// Looks after `stallTimeout` whether the write that was under way is still the same one.
    private func scheduleCheck(after writes: UInt64) {
        let timeout = TimeAmount.nanoseconds(Int64(min(max(self.stallTimeout, 0.001), 1e6) * 1e9))
        let timer = self.channel.eventLoop.scheduleTask(in: timeout) {
            let (isActive, isStalled, now) = self.state.withLockedValue { state in
                (state.onGone != nil, state.isWriting && state.writes == writes, state.writes)
            }
            guard isActive else { return }
            guard isStalled else { return self.scheduleCheck(after: now) }
            self.clientIsGone()
            self.channel.close(promise: nil)
        }
        self.state.withLockedValue { state in
            if state.onGone != nil { state.timer = timer } else { timer.cancel() }
        }
    }
}

/// Remembers that a client closed its side of the connection, and tells the body that streams on it.
final class ClientPresenceHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private var isInputClosed = false
    private var listener: (() -> Void)?

    /// Called on the event loop; calls back at once where the side is closed already.
    ///
    /// The last listener counts.
    func onInputClosed(_ listener: @escaping () -> Void) {
        if self.isInputClosed { listener() } else { self.listener = listener }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            self.inputClosed()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.inputClosed()
        context.fireChannelInactive()
    }

    private func inputClosed() {
        self.isInputClosed = true
        self.listener?()
        self.listener = nil
    }
}
