// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

/// A TCP connection that sends just the bytes it is given, and keeps what comes back.
final class RawClient: Sendable {
    private let channel: any Channel
    private let inbox: Inbox

    private init(_ channel: any Channel, _ inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Connects to a server of this machine.
    static func connect(_ port: Int) async throws -> RawClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
            // Small and fixed: else the system grows it up to tens of megabytes for a client that stops reading.
            .channelOption(.socketOption(.so_rcvbuf), value: 64 * 1024)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(InboxHandler(inbox))
                }
            }
            .connect(host: "localhost", port: port).get()
        return RawClient(channel, inbox)
    }

    /// Connects over TLS, offering these protocols; believes every certificate.
    static func connect(_ port: Int, offering protocols: [String]) async throws -> RawClient {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = protocols
        let context = try NIOSSLContext(configuration: configuration)
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                    try pipeline.addHandler(InboxHandler(inbox))
                }
            }
            .connect(host: "localhost", port: port).get()
        return RawClient(channel, inbox)
    }

    /// Sends one request on a connection of its own, and answers all that came until the server closed it.
    static func exchange(_ port: Int, _ text: String) async throws -> RawAnswer {
        let client = try await Self.connect(port)
        try await client.send(text)
        return try await client.answerToEnd()
    }

    func send(_ bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    func send(_ text: String) async throws { try await self.channel.writeAndFlush(ByteBuffer(string: text)) }

    /// What came so far.
    var answer: RawAnswer { RawAnswer(self.inbox.bytes.withLock { $0 }) }

    /// Whether the server closed the connection.
    var isClosed: Bool { self.inbox.isClosed.withLock { $0 } }

    /// Whether that was a reset, not an end.
    var wasReset: Bool { self.inbox.wasReset.withLock { $0 } }

    /// All that comes until the server closes the connection.
    func answerToEnd() async throws -> RawAnswer {
        try await eventually("the server closes the connection") { self.isClosed }
        return self.answer
    }

    /// Takes nothing more from the connection.
    func stopReading() async throws { try await self.channel.setOption(.autoRead, value: false).get() }

    /// Goes away without a good-bye.
    func reset() async throws {
        try await (self.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        await self.close()
    }

    func close() async { try? await self.channel.close() }
}

/// The bytes of an HTTP/1.1 answer.
struct RawAnswer: Sendable {
    let bytes: Data

    init(_ bytes: Data) { self.bytes = bytes }

    private var split: Range<Data.Index>? { self.bytes.range(of: Data("\r\n\r\n".utf8)) }
    var head: String { String(decoding: self.bytes[..<(self.split?.lowerBound ?? self.bytes.endIndex)], as: UTF8.self) }
    var body: Data { self.split.map { Data(self.bytes[$0.upperBound...]) } ?? Data() }
    var isHeadComplete: Bool { self.split != nil }
    var status: Int? { self.head.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

    /// The values of a field.
    func values(_ name: String) -> [String] {
        self.head.split(separator: "\r\n").dropFirst().compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == name.lowercased() else { return nil }
            return parts[1].trimmingCharacters(in: .whitespaces)
        }
    }

    /// Whether the answer ends as its own framing says.
    var isWhole: Bool {
        guard self.isHeadComplete else { return false }
        if let length = self.values("Content-Length").first.flatMap({ Int($0) }) { return self.body.count == length }
        return self.body.suffix(5) == Data("0\r\n\r\n".utf8)
    }
}

private final class Inbox: Sendable {
    let bytes = Mutex(Data())
    let isClosed = Mutex(false)
    let wasReset = Mutex(false)
}

private final class InboxHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: Inbox

    init(_ inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        self.inbox.bytes.withLock { $0.append(contentsOf: buffer.readableBytesView) }
    }

    func channelInactive(context: ChannelHandlerContext) { self.inbox.isClosed.withLock { $0 = true } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if (error as? IOError)?.errnoCode == ECONNRESET { self.inbox.wasReset.withLock { $0 = true } }
        context.close(promise: nil)
    }
}

extension RawAnswer {
    /// The body without its chunks, as far as they have come whole.
    var streamText: String {
        var rest = self.body[...]
        var text = Data()
        while let line = rest.range(of: Data("\r\n".utf8)),
            let length = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16), length > 0,
            rest.distance(from: line.upperBound, to: rest.endIndex) >= length + 2
        {
            text += rest[line.upperBound...].prefix(length)
            rest = rest[line.upperBound...].dropFirst(length + 2)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
