// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A TCP server on loopback that answers each connection by a script, byte for byte.
///
/// For tests of what no decent server does: half an answer, a reset, silence. It knows nothing of HTTP beyond finding the
/// end of a request's head.
public final class RawServer: Sendable {
    /// What happens on one connection; the connection is closed when it returns or throws.
    public typealias Script = @Sendable (RawConnection) async throws -> Void

    /// The host that it listens on.
    public let host: String
    /// The port that the system chose.
    public let port: Int

    private let listener: any Channel
    private let register: ConnectionRegister

    /// Listens on a free port of `host`; each connection runs `script` in a task of its own.
    public static func start(host: String = "127.0.0.1", script: @escaping Script) async throws -> RawServer {
        let register = ConnectionRegister()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let inbox = RawInbox()
                    // Not before it is active: a read that is asked for earlier is lost.
                    let handler = RawInboxHandler(inbox: inbox) { register.run(script, channel: channel, inbox: inbox) }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: host, port: 0).get()
        return RawServer(host: host, port: listener.localAddress?.port ?? 0, listener: listener, register: register)
    }

    private init(host: String, port: Int, listener: any Channel, register: ConnectionRegister) {
        self.host = host
        self.port = port
        self.listener = listener
        self.register = register
    }

    /// `http://host:port` followed by `path`.
    public func url(_ path: String = "/") -> String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "http://\(host):\(self.port)\(path)"
    }

    /// How many connections were accepted so far.
    public var connectionCount: Int { self.register.accepted }

    /// How many of them are open.
    public var openConnections: Int { self.register.open }

    /// How many bytes the sockets of all connections have taken.
    public var bytesWritten: Int { self.register.written }

    /// The heads that scripts have read, in order.
    public var requests: [RawRequest] { self.register.requests }

    /// Stops listening, cancels all scripts and closes all connections.
    public func shutdown() async {
        try? await self.listener.close().get()
        await self.register.closeAll()
    }
}

/// The head of a request, as it came.
public struct RawRequest: Sendable {
    /// The request line, such as `GET / HTTP/1.1`.
    public var line: String
    /// Names and values in order, names as they were sent.
    public var headers: [(name: String, value: String)]

    /// The values of all fields of that name, in any letter case.
    public func values(_ name: String) -> [String] {
        self.headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    init(text: String) {
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: true)[...]
        self.line = lines.popFirst().map(String.init) ?? ""
        self.headers = lines.map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? parts[1].drop { $0 == " " } : ""
            return (name: String(parts.first ?? ""), value: String(value))
        }
    }
}

/// What the server counts; shared by all its connections.
final class ConnectionRegister: Sendable {
    private struct State {
        var accepted = 0
        var written = 0
        var requests: [RawRequest] = []
        var closing = false
        var live: [Int: (task: Task<Void, Never>, channel: any Channel)] = [:]
        var finished: Set<Int> = []
    }

    private let state = NIOLockedValueBox(State())

    var accepted: Int { self.state.withLockedValue(\.accepted) }
    var open: Int { self.state.withLockedValue { state in state.live.values.count { $0.channel.isActive } } }
    var written: Int { self.state.withLockedValue(\.written) }
    var requests: [RawRequest] { self.state.withLockedValue(\.requests) }

    func wrote(_ count: Int) {
        self.state.withLockedValue { $0.written += count }
    }

    func read(_ request: RawRequest) {
        self.state.withLockedValue { $0.requests.append(request) }
    }

    func run(_ script: @escaping RawServer.Script, channel: any Channel, inbox: RawInbox) {
        let index = self.state.withLockedValue { state in
            state.accepted += 1
            return state.accepted - 1
        }
        let connection = RawConnection(index: index, channel: channel, inbox: inbox, register: self)
        let task = Task {
            try? await script(connection)
            await connection.close()
            self.finish(index)
        }
        let late = self.state.withLockedValue { state in
            // The script may have ended before its task could be entered.
            if state.finished.remove(index) == nil { state.live[index] = (task, channel) }
            return state.closing
        }
        if late { task.cancel() }
    }

    private func finish(_ index: Int) {
        self.state.withLockedValue { state in
            if state.live.removeValue(forKey: index) == nil { state.finished.insert(index) }
        }
    }

    func closeAll() async {
        let live = self.state.withLockedValue { state in
            state.closing = true
            return Array(state.live.values)
        }
        for entry in live {
            entry.task.cancel()
            try? await entry.channel.close().get()
        }
        for entry in live { await entry.task.value }
    }
}
