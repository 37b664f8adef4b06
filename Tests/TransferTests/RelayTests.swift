// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct RelayTests {
    private static let total = 24 << 20

    private static func head(_ length: Int) -> String { "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n" }

    /// Answers the next request of a connection with the pattern, `sent` bytes of the `length` that its head names.
    private static func serve(_ connection: RawConnection, _ length: Int, sent: Int? = nil) async throws {
        _ = try await connection.readHead()
        try await connection.send(Self.head(length))
        try await connection.sendPattern(sent ?? length)
    }

    /// Reads the first piece, and has the rest relayed as far as it goes.
    private static func passOn(_ body: inout TransferBody.Iterator, to sink: Sink) async throws -> Int {
        guard let piece = try await body.next() else { return 0 }
        sink.write(piece)
        var relayed = 0
        while let count = await body.relay(into: sink.entry, atMost: 5_000_001) { relayed += count }
        return relayed
    }

    @Test func theRestOfABodyPassesByWithoutALostByte() async throws {
        try await withServer {
            try await Self.serve($0, Self.total)
        } test: { client, server in
            let sink = try Sink()
            var body = try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator()
            let relayed = try await Self.passOn(&body, to: sink)
            #expect(try await body.next() == nil)
            let taken = await sink.end()
            #expect(taken.count == Self.total && taken.isIntact)
            // But for what libcurl had read with the head.
            #expect(relayed > Self.total - BodyBuffers.longestRead)
        }
    }

    @Test func aCallMovesNoMoreThanItIsAsked() async throws {
        try await withServer {
            try await Self.serve($0, Self.total)
        } test: { client, server in
            let sink = try Sink()
            var body = try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator()
            #expect(await body.relay(into: sink.entry, atMost: 1) == nil, "before the first piece")
            sink.write(try #require(try await body.next()))
            for limit in [1, 7, 65_537, 1_000_000] {
                var moved = 0
                while moved < limit {
                    moved += try #require(await body.relay(into: sink.entry, atMost: limit - moved))
                }
                #expect(moved == limit)
            }
            #expect(await body.relay(into: sink.entry, atMost: 0) == nil)
            while await body.relay(into: sink.entry, atMost: .max) != nil {}
            #expect(try await body.next() == nil)
            let taken = await sink.end()
            #expect(taken.count == Self.total && taken.isIntact)
        }
    }

    @Test(arguments: [0, 1, 3_000_000])
    func aBodyThatBreaksOffIsRelayedAsFarAsItCame(missing: Int) async throws {
        let length = Self.total
        try await withServer { connection in
            try await Self.serve(connection, length, sent: length - missing)
            await connection.close()
        } test: { client, server in
            let sink = try Sink()
            var body = try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator()
            _ = try await Self.passOn(&body, to: sink)
            if missing == 0 {
                #expect(try await body.next() == nil)
            } else {
                await expectFailure(.incomplete) { _ = try await body.next() }
            }
            let taken = await sink.end()
            #expect(taken.count == length - missing && taken.isIntact)
        }
    }

    @Test func whatIsNotOnItsSocketAsItIsIsNotRelayed() async throws {
        let total = 4 << 20
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try await connection.send(String(total, radix: 16) + "\r\n")
            try await connection.sendPattern(total)
            try await connection.send("\r\n0\r\n\r\n")
        } test: { client, server in
            let sink = try Sink()
            var body = try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator()
            while let piece = try await body.next() {
                #expect(!body.canRelay)
                sink.write(piece)
            }
            let taken = await sink.end()
            #expect(taken.count == total && taken.isIntact)
        }
    }

    @Test func aReaderMayReadOnInstead() async throws {
        try await withServer {
            try await Self.serve($0, Self.total)
        } test: { client, server in
            var checker = Pattern.Checker()
            for try await piece in try await client.execute(TransferRequest(url: server.url())).body {
                checker.take(piece)
            }
            #expect(checker.isIntact && checker.count == Self.total)
        }
    }

    @Test func aBodyThatWasRelayedIsNotReadFromItsMiddle() async throws {
        try await withServer {
            try await Self.serve($0, Self.total)
        } test: { client, server in
            let sink = try Sink()
            var body = try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator()
            _ = try await body.next()
            #expect(try #require(await body.relay(into: sink.entry, atMost: 1000)) <= 1000)
            await expectFailure(.incomplete) { _ = try await body.next() }
            #expect(await body.relay(into: sink.entry, atMost: 1000) == nil)
            _ = await sink.end()
        }
    }

    @Test func aReaderThatStopsHoldsBackItsServerAndNobodyElse() async throws {
        let total = 96 << 20
        try await withServer { connection in
            let isLarge = try await connection.readHead().line.contains("/large")
            try await connection.send(Self.head(isLarge ? total : 8))
            try await connection.sendPattern(isLarge ? total : 8)
        } test: { client, server in
            let sink = try Sink(isReading: false)
            let url = server.url("/large")
            let moved = RawBox(0)
            let reader = Task {
                var body = try await client.execute(TransferRequest(url: url)).body.makeAsyncIterator()
                _ = try await body.next()
                while let count = await body.relay(into: sink.entry, atMost: .max) { moved.update { $0 += count } }
                _ = try await body.next()
            }
            // With bytes moved a call returns after a second; with none moved, it does not.
            try await eventually("what could be moved was") { moved.value > 0 }
            for _ in 0..<20 {
                let response = try await client.execute(TransferRequest(url: server.url("/small")))
                #expect(try await response.body.collect(upTo: 8) == Pattern.bytes(from: 0, count: 8))
            }
            #expect(server.bytesWritten < 48 << 20)
            reader.cancel()
            await expectFailure(.cancelled) { try await reader.value }
            _ = await sink.end()
        }
    }

    @Test func aReaderThatLeavesEndsTheTransfer() async throws {
        try await withServer { connection in
            try await Self.serve(connection, Self.total)
            await connection.untilClosed()
        } test: { client, server in
            let sink = try Sink(isReading: false)
            var body = try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator()
            _ = try await body.next()
            sink.leave()
            while await body.relay(into: sink.entry, atMost: .max) != nil {}
            await expectFailure(.cancelled) { _ = try await body.next() }
            try await eventually("the server is let go of") { server.openConnections == 0 }
        }
    }

    @Test func anUpstreamThatStandsStillIsGivenUp() async throws {
        let length = Self.total
        try await withServer { connection in
            try await Self.serve(connection, length, sent: length / 2)
            await connection.untilClosed()
        } test: { client, server in
            let sink = try Sink()
            let limits = TransferLimits(idle: .milliseconds(1500))
            let request = TransferRequest(url: server.url(), limits: limits)
            var body = try await client.execute(request).body.makeAsyncIterator()
            sink.write(try #require(try await body.next()))
            var counts: [Int] = []
            while let count = await body.relay(into: sink.entry, atMost: .max) { counts.append(count) }
            // After a second without a byte a call returns, so that it is not the reader who seems to stand still.
            #expect(counts.contains(0))
            await expectFailure(.idleTimeout) { _ = try await body.next() }
            let taken = await sink.end()
            #expect(taken.count == length / 2 && taken.isIntact)
        }
    }

    @Test func whatTheSystemRefusesToMoveIsLeftToItsReader() async throws {
        let folder = open("/", O_RDONLY)
        defer { close(folder) }
        let pipe = try #require(RelayPipe())
        let answer: Int? = await withCheckedContinuation { onReturn in
            let relay = SocketRelay(from: folder, through: pipe, owed: 10)
            relay.begin(folder, 10, .now, onReturn)
            guard case .refused = relay.move(.now) else { return relay.answer(.now) }
            relay.refuse()
        }
        #expect(answer == nil)
    }

    @Test func beyondSomeRelaysBodiesComeInPieces() async throws {
        let total = 2 << 20
        try await withServer {
            try await Self.serve($0, total)
        } test: { client, server in
            var bodies: [TransferBody.Iterator] = []
            for _ in 0..<40 {
                var body = try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator()
                _ = try await body.next()
                bodies.append(body)
            }
            let sink = try Sink()
            var begun = 0
            for body in bodies where await body.relay(into: sink.entry, atMost: 1) != nil { begun += 1 }
            #expect(begun == 32)
            _ = await sink.end()
        }
    }
}
