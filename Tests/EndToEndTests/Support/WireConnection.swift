// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

/// A TCP connection that reads only when it is asked to, so that a test can be a client that stops reading.
final class WireConnection: Sendable {
    private let channel: any Channel
    private let inbox: WireInbox

    /// Connects to 127.0.0.1.
    static func open(port: Int) async throws -> WireConnection {
        let inbox = WireInbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(WireHandler(inbox: inbox))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return WireConnection(channel: channel, inbox: inbox)
    }

    private init(channel: any Channel, inbox: WireInbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Sends bytes; returns when the socket has taken them.
    func send(_ bytes: ByteBuffer) async throws { try await self.channel.writeAndFlush(bytes).get() }

    /// What came next; `nil` at the end, however it came, and where the task is cancelled.
    func receive() async -> ByteBuffer? {
        if let bytes = self.inbox.take() { return bytes }
        return await withTaskCancellationHandler {
            self.channel.read()
            await self.inbox.changed()
            return self.inbox.take()
        } onCancel: {
            self.channel.close(promise: nil)
        }
    }

    /// Sends nothing more.
    func closeOutput() async throws { try await self.channel.close(mode: .output).get() }

    /// Closes.
    func close() async { try? await self.channel.close().get() }
}

/// The bytes that came and were not taken yet; one task waits at a time.
private final class WireInbox: Sendable {
    private struct State {
        var bytes: ByteBuffer?
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func take() -> ByteBuffer? {
        self.state.withLock { state in
            defer { state.bytes = nil }
            return state.bytes
        }
    }

    func changed() async {
        await withCheckedContinuation { continuation in
            let isReady = self.state.withLock { state in
                guard state.bytes == nil, !state.isClosed else { return true }
                state.waiter = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    func append(_ buffer: ByteBuffer) {
        let waiter = self.state.withLock { state in
            if state.bytes == nil { state.bytes = buffer } else { state.bytes?.writeImmutableBuffer(buffer) }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    func close() {
        let waiter = self.state.withLock { state in
            state.isClosed = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}

private final class WireHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: WireInbox

    init(inbox: WireInbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.inbox.append(self.unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) {
        self.inbox.close()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
