// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct CancellationTests {
    @Test func beforeTheStartNothingIsAsked() async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            let gate = RawGate()
            let task = Task {
                await gate.wait()
                return try await client.execute(TransferRequest(url: server.url())).status
            }
            task.cancel()
            gate.open()
            await expectFailure(.cancelled) { _ = try await task.value }
            #expect(server.connectionCount == 0)
        }
    }

    @Test func whileTheHeadIsAwaitedTheConnectionIsClosed() async throws {
        let closed = RawGate()
        let asked = RawGate()
        try await withServer { connection in
            _ = try await connection.readHead()
            asked.open()
            await connection.untilClosed()
            closed.open()
        } test: { client, server in
            let task = Task { try await client.execute(TransferRequest(url: server.url())).status }
            await asked.wait()
            task.cancel()
            await expectFailure(.cancelled) { _ = try await task.value }
            await closed.wait()
        }
    }

    @Test func inTheBodyItThrowsAndNeverEndsCleanly() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            await connection.untilClosed()
        } test: { client, server in
            let first = RawGate()
            let task = Task {
                let response = try await client.execute(TransferRequest(url: server.url()))
                var iterator = response.body.makeAsyncIterator()
                _ = try await iterator.next()
                first.open()
                do {
                    _ = try await iterator.next()
                } catch {
                    // Asked again it is still broken.
                    _ = try await iterator.next()
                }
            }
            await first.wait()
            task.cancel()
            await expectFailure(.cancelled) { try await task.value }
        }
    }

    @Test func whilePausedTheConnectionIsClosed() async throws {
        let closed = RawGate()
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n")
            do { try await connection.sendPattern(64 << 20) } catch { closed.open() }
        } test: { client, server in
            let paused = RawGate()
            let task = Task {
                let response = try await client.execute(TransferRequest(url: server.url()))
                var iterator = response.body.makeAsyncIterator()
                _ = try await iterator.next()
                await paused.wait()
                while try await iterator.next() != nil {}
            }
            try await eventually("some came") { server.bytesWritten > 1 << 20 }
            task.cancel()
            await expectFailure(.cancelled) { try await task.value }
            await closed.wait()
        }
    }

    @Test func anAbandonedBodyClosesTheConnection() async throws {
        let closed = RawGate()
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
            await connection.untilClosed()
            closed.open()
        } test: { client, server in
            let status = try await client.execute(TransferRequest(url: server.url())).status
            #expect(status == 200)
            await closed.wait()
        }
    }

    @Test func anAbandonedIterationClosesTheConnection() async throws {
        let closed = RawGate()
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
            await connection.untilClosed()
            closed.open()
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            for try await bytes in response.body where bytes.readableBytes > 0 { break }
            await closed.wait()
            _ = response.status
        }
    }

    @Test func atSixtyDifferentMomentsNoHandleIsLeft() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(8 << 20)\r\n\r\n")
            try await connection.sendPattern(8 << 20)
        } test: { client, server in
            for moment in 0..<60 {
                let task = Task {
                    var count = 0
                    for try await bytes in try await client.execute(TransferRequest(url: server.url())).body {
                        count += bytes.readableBytes
                    }
                    return count
                }
                // Moments, not order: whatever the transfer is doing then, it must end.
                for _ in 0..<(moment * moment) { await Task.yield() }
                task.cancel()
                do {
                    #expect(try await task.value == 8 << 20)
                } catch let error as TransferError {
                    #expect(error.kind == .cancelled)
                }
            }
            try await eventually("no handle is left") { client.openTransfers == 0 }
        }
    }
}
