// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOConcurrencyHelpers
public import NIOCore

/// One connection of a ``RawServer``; all methods are called by its script.
public final class RawConnection: Sendable {
    /// The peer closed before the bytes that were asked for came.
    public struct Closed: Error {}

    /// How many connections were accepted before this one.
    public let index: Int

    private let channel: any Channel
    private let inbox: RawInbox
    private let register: ConnectionRegister

    init(index: Int, channel: any Channel, inbox: RawInbox, register: ConnectionRegister) {
        self.index = index
        self.channel = channel
        self.inbox = inbox
        self.register = register
    }

    /// Reads up to and including the empty line after a request's head.
    public func readHead() async throws -> RawRequest {
        while true {
            if let text = self.inbox.takeHead() {
                let request = RawRequest(text: text)
                self.register.read(request)
                return request
            }
            try await self.more()
        }
    }

    /// Reads exactly so many bytes.
    public func read(_ count: Int) async throws -> ByteBuffer {
        while true {
            if let bytes = self.inbox.take(count) { return bytes }
            try await self.more()
        }
    }

    /// Reads the body that a head announces, by length or in chunks, without the framing.
    public func readBody(of request: RawRequest) async throws -> ByteBuffer {
        if request.values("transfer-encoding").contains("chunked") { return try await self.readChunks() }
        return try await self.read(request.values("content-length").first.flatMap { Int($0) } ?? 0)
    }

    private func readChunks() async throws -> ByteBuffer {
        var body = ByteBuffer()
        while true {
            guard let size = Int(try await self.readLine(), radix: 16) else { throw Closed() }
            var chunk = try await self.read(size)
            body.writeBuffer(&chunk)
            _ = try await self.readLine()
            if size == 0 { return body }
        }
    }

    private func readLine() async throws -> String {
        while true {
            if let line = self.inbox.takeLine() { return line }
            try await self.more()
        }
    }

    private func more() async throws {
        self.channel.read()
        guard await self.inbox.changed() else { throw Closed() }
    }

    /// Sends bytes; returns when the socket has taken them all.
    public func send(_ bytes: ByteBuffer) async throws {
        try await self.channel.writeAndFlush(bytes).get()
        self.register.wrote(bytes.readableBytes)
    }

    /// Sends text; returns when the socket has taken it.
    public func send(_ text: String) async throws {
        try await self.send(ByteBuffer(string: text))
    }

    /// Whether either side has closed.
    public var isClosed: Bool { !self.channel.isActive }

    /// Returns when either side has closed, or the task is cancelled.
    public func untilClosed() async {
        self.channel.read()
        let gate = RawGate()
        self.channel.closeFuture.whenComplete { _ in gate.open() }
        await gate.wait()
    }

    /// Closes in order.
    public func close() async {
        try? await self.channel.close().get()
    }

    /// Closes with a reset, so that the peer sees an error and no end.
    public func reset() async {
        if let socket = self.channel as? any SocketOptionProvider {
            try? await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        await self.close()
    }
}

/// Something that a script waits for until the test opens it.
public final class RawGate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state = NIOLockedValueBox(State())

    /// Creates a closed gate.
    public init() {}

    /// Lets everyone through, also those who come later.
    public func open() {
        let waiting = self.state.withLockedValue { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.finish() }
    }

    /// Returns when the gate is open, or the task is cancelled.
    public func wait() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        let isOpen = self.state.withLockedValue { state in
            if !state.isOpen { state.waiting.append(continuation) }
            return state.isOpen
        }
        if isOpen { return }
        for await _ in stream {}
    }
}

/// The bytes that came and were not yet taken.
final class RawInbox: Sendable {
    private struct State {
        var bytes = ByteBuffer()
        var version = 0
        var seen = 0
        var closed = false
        var waiter: CheckedContinuation<Bool, Never>?
    }

    private let state = NIOLockedValueBox(State())

    func append(_ buffer: inout ByteBuffer) {
        let waiter = self.state.withLockedValue { state in
            state.bytes.writeBuffer(&buffer)
            return Self.notify(&state)
        }
        waiter?.resume(returning: true)
    }

    func close() {
        let waiter = self.state.withLockedValue { state in
            state.closed = true
            return Self.notify(&state)
        }
        waiter?.resume(returning: false)
    }

    private static func notify(_ state: inout State) -> CheckedContinuation<Bool, Never>? {
        state.version += 1
        guard let waiter = state.waiter else { return nil }
        state.waiter = nil
        state.seen = state.version
        return waiter
    }

    /// Waits for the next change since the last call; `false` once closed.
    func changed() async -> Bool {
        await withCheckedContinuation { continuation in
            let ready: Bool? = self.state.withLockedValue { state in
                if state.version > state.seen {
                    state.seen = state.version
                    return !state.closed || state.bytes.readableBytes > 0
                }
                if state.closed { return false }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    func take(_ count: Int) -> ByteBuffer? {
        self.state.withLockedValue { $0.bytes.readSlice(length: count) }
    }

    func takeHead() -> String? { self.take(through: Array("\r\n\r\n".utf8)) }

    func takeLine() -> String? { self.take(through: Array("\r\n".utf8)) }

    private func take(through mark: [UInt8]) -> String? {
        self.state.withLockedValue { state in
            let bytes = state.bytes.readableBytesView
            guard bytes.count >= mark.count else { return nil }
            for start in bytes.startIndex...(bytes.endIndex - mark.count)
            where bytes[start] == mark[0] && bytes[start..<(start + mark.count)].elementsEqual(mark) {
                let length = start - bytes.startIndex
                let text = state.bytes.readString(length: length)
                state.bytes.moveReaderIndex(forwardBy: mark.count)
                return text
            }
            return nil
        }
    }
}

/// Puts what comes into the inbox.
final class RawInboxHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: RawInbox
    private let onActive: () -> Void

    init(inbox: RawInbox, onActive: @escaping () -> Void) {
        self.inbox = inbox
        self.onActive = onActive
    }

    func channelActive(context: ChannelHandlerContext) {
        self.onActive()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        self.inbox.append(&buffer)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.inbox.close()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
