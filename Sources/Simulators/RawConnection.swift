// SPDX-License-Identifier: Apache-2.0

import Foundation
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
