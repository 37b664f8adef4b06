// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import NIOCore
import Simulators
import Testing

@testable import Transfer

/// What becomes of a connection after a body that was relayed from it.
@Suite(.timeLimit(.minutes(2)))
struct IdleConnectionTests {
    private static let large = 2 << 20
    private static let small = 8

    /// Answers the next request with the pattern, as long as its path says.
    private static func serve(_ connection: RawConnection, _ version: String = "1.1", _ field: String = "") async throws
    {
        let length = try await connection.readHead().line.contains("/large") ? Self.large : Self.small
        try await connection.send("HTTP/\(version) 200 OK\r\nContent-Length: \(length)\r\n\(field)\r\n")
        try await connection.sendPattern(length)
    }

    private static func read(_ client: TransferClient, _ server: RawServer) async throws {
        let response = try await client.execute(TransferRequest(url: server.url("/small")))
        let body = try await response.body.collect(upTo: Self.small)
        #expect(response.status == 200 && body == Pattern.bytes(from: 0, count: Self.small))
    }

    /// Has a large body relayed; it must be whole, and not all of it have come in pieces.
    private static func relay(_ client: TransferClient, _ server: RawServer) async throws {
        let sink = try Sink()
        var body = try await client.execute(TransferRequest(url: server.url("/large"))).body.makeAsyncIterator()
        sink.write(try #require(try await body.next()))
        var relayed = 0
        while let count = await body.relay(into: sink.entry, atMost: .max) { relayed += count }
        #expect(try await body.next() == nil)
        let taken = await sink.end()
        #expect(taken.count == Self.large && taken.isIntact && relayed > 0)
    }

    @Test func aConnectionIsUsedAgainAfterARelay() async throws {
        try await withServer { connection in
            while true { try await Self.serve(connection) }
        } test: { client, server in
            // What took over a connection is libcurl's own for the requests that follow, and can be relayed from again.
            for isLarge in [false, true, true, false, false, true, false, true, true, true] {
                if isLarge {
                    try await Self.relay(client, server)
                } else {
                    try await Self.read(client, server)
                }
            }
            #expect(server.requests.count == 10 && server.connectionCount == 1)
            await client.shutdown()
            try await eventually("it is closed") { server.openConnections == 0 }
        }
    }

    @Test(arguments: [
        ("1.1", "Connection: close\r\n"), ("1.1", "Connection: x-other ,\tClose\r\n"), ("1.0", ""),
        ("1.0", "Connection: keep-alive\r\n"),
    ])
    func aConnectionThatIsToEndIsNotUsedAgain(version: String, field: String) async throws {
        try await withServer { connection in
            while true { try await Self.serve(connection, version, field) }
        } test: { client, server in
            for _ in 0..<3 { try await Self.relay(client, server) }
            #expect(server.connectionCount == 3)
            try await eventually("all are closed") { server.openConnections == 0 }
        }
    }

    @Test func aConnectionThatEndedMeanwhileIsNotUsed() async throws {
        try await withServer { connection in
            try await Self.serve(connection)
        } test: { client, server in
            for _ in 0..<3 {
                try await Self.relay(client, server)
                try await eventually("the server closed") { server.openConnections == 0 }
            }
            #expect(server.connectionCount == 3)
        }
    }

    @Test func anAnswerThatNobodyAskedForIsNobodys() async throws {
        let isSent = RawGate()
        try await withServer { connection in
            try await Self.serve(connection)
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nevilevil")
            isSent.open()
            await connection.untilClosed()
        } test: { client, server in
            try await Self.relay(client, server)
            await isSent.wait()
            try await Self.read(client, server)
            #expect(server.connectionCount == 2)
        }
    }

    @Test func aRequestThatMeetsADyingConnectionIsMadeAgain() async throws {
        try await withServer { connection in
            try await Self.serve(connection)
            // The next request is taken, and never answered.
            _ = try await connection.readHead()
        } test: { client, server in
            try await Self.relay(client, server)
            try await Self.read(client, server)
            #expect(server.connectionCount == 2 && server.requests.count == 3)
        }
    }

    @Test func aRequestThatMayNotBeRepeatedHasAConnectionOfItsOwn() async throws {
        try await withServer { connection in
            while true { try await Self.serve(connection) }
        } test: { client, server in
            try await Self.relay(client, server)
            let post = TransferRequest(method: .post, url: server.url("/small"), body: .bytes(ByteBuffer(string: "x")))
            _ = try await client.execute(post).body.collect(upTo: Self.small)
            #expect(server.connectionCount == 2)
        }
    }

    @Test func severalAtATimeHaveAConnectionEach() async throws {
        try await withServer { connection in
            while true { try await Self.serve(connection) }
        } test: { client, server in
            for _ in 0..<4 {
                try await withThrowingTaskGroup { group in
                    for _ in 0..<6 { group.addTask { try await Self.relay(client, server) } }
                    try await group.waitForAll()
                }
            }
            #expect(server.requests.count == 24 && server.connectionCount <= 6)
        }
    }

    // MARK: What is kept

    /// Both ends of connections to one listener.
    private static func connections(_ count: Int) throws -> (ours: [CInt], theirs: [CInt]) {
        let kind = CInt(SOCK_STREAM.rawValue)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let listener = socket(AF_INET, kind, 0)
        defer { close(listener) }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return try unsafe withUnsafeMutablePointer(to: &address) { pointer in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                try #require(unsafe bind(listener, address, length) == 0 && listen(listener, 1) == 0)
                try #require(unsafe getsockname(listener, address, &length) == 0)
                let ends = try (0..<count).map { _ in
                    let connection = socket(AF_INET, kind, 0)
                    try #require(unsafe connect(connection, address, length) == 0)
                    return (connection, accept(listener, nil, nil))
                }
                return (ends.map(\.0), ends.map(\.1))
            }
        }
    }

    /// Whether the other end of a connection was closed, seen from this one; by its number it could not be told.
    private static func hasEnded(_ socket: CInt, within milliseconds: CInt = 0) -> Bool {
        var state = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&state, 1, milliseconds) == 1
    }

    @Test func theYoungestIsTakenAndTheOldestIsClosed() throws {
        let (ours, theirs) = try Self.connections(IdleConnections.most + 1)
        defer { for socket in theirs { close(socket) } }
        let peer = try #require(ConnectionEnds(of: ours[0])).peer
        let now = ContinuousClock.now
        var idle = IdleConnections()
        for socket in ours { idle.keep(socket, now) }
        #expect(Self.hasEnded(theirs[0], within: 10_000) && !theirs[1...].contains { Self.hasEnded($0) })
        let other = idle.take(to: SocketEnd(peer.address, port: 1), now)
        #expect(other == nil)
        let youngest = try #require(idle.take(to: peer, now) as CInt?)
        #expect(youngest == ours.last)
        idle.closeAll()
        #expect(theirs.dropLast().allSatisfy { Self.hasEnded($0, within: 10_000) } && !Self.hasEnded(theirs[16]))
        close(youngest)
        let none = idle.take(to: peer, now)
        #expect(none == nil)
    }

    @Test func noneIsTakenThatIsTooOld() throws {
        let (ours, theirs) = try Self.connections(2)
        defer { for socket in theirs { close(socket) } }
        let peer = try #require(ConnectionEnds(of: ours[0])).peer
        let now = ContinuousClock.now
        var idle = IdleConnections()
        idle.keep(ours[0], now)
        idle.keep(ours[1], now + .seconds(1))
        let younger = try #require(idle.take(to: peer, now + IdleConnections.longest) as CInt?)
        #expect(younger == ours[1] && Self.hasEnded(theirs[0], within: 10_000) && !Self.hasEnded(theirs[1]))
        idle.keep(younger, now)
        let none = idle.take(to: peer, now + IdleConnections.longest)
        #expect(none == nil && Self.hasEnded(theirs[1], within: 10_000))
    }
}
