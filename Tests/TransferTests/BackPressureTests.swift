// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct BackPressureTests {
    /// What may lie between the two ends: the socket buffers of the system, libcurl's, and five elements of ours.
    private static let bound = 16 << 20

    @Test func aReaderThatStopsHoldsBackTheServerAndLosesNothing() async throws {
        let total = 64 << 20
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            try await connection.sendPattern(total)
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            try await Self.untilQuiet(server)
            #expect(server.bytesWritten < Self.bound)
            var checker = Pattern.Checker()
            for try await bytes in response.body { checker.take(bytes) }
            #expect(checker.isIntact)
            #expect(checker.count == total)
        }
    }

    @Test func everyPauseIsFollowedByTheRightBytes() async throws {
        let total = 24 << 20
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for offset in stride(from: 0, to: total, by: 1 << 16) {
                try await connection.send("10000\r\n")
                try await connection.send(Pattern.bytes(from: offset, count: 1 << 16))
                try await connection.send("\r\n")
            }
            try await connection.send("0\r\n\r\n")
        } test: { client, server in
            var checker = Pattern.Checker()
            var largest = 0
            let response = try await client.execute(TransferRequest(url: server.url()))
            for try await bytes in response.body {
                checker.take(bytes)
                largest = max(largest, bytes.readableBytes)
                for _ in 0..<50 { await Task.yield() }
            }
            #expect(checker.isIntact)
            #expect(checker.count == total)
            #expect(largest <= BodyBuffers.largest)
        }
    }

    @Test func aPausedTransferIsExemptFromTheIdleLimit() async throws {
        let total = 32 << 20
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            try await connection.sendPattern(total)
        } test: { client, server in
            let limits = TransferLimits(idle: .milliseconds(800))
            let response = try await client.execute(TransferRequest(url: server.url(), limits: limits))
            try await Self.untilQuiet(server)
            // Not for the sake of order: the reader's idleness must exceed the limit for the test to mean anything.
            try await Task.sleep(for: .milliseconds(1600))
            #expect(client.openTransfers == 1)
            var checker = Pattern.Checker()
            for try await bytes in response.body { checker.take(bytes) }
            #expect(checker.count == total)
        }
    }

    @Test func aStoppedReaderDoesNotHoldUpOthers() async throws {
        let total = 32 << 20
        try await withServer { connection in
            let request = try await connection.readHead()
            let count = request.line.contains("/large") ? total : 8
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
            try await connection.sendPattern(count)
        } test: { client, server in
            let stopped = try await client.execute(TransferRequest(url: server.url("/large")))
            try await Self.untilQuiet(server)
            for _ in 0..<20 {
                let response = try await client.execute(TransferRequest(url: server.url("/small")))
                #expect(try await response.body.collect(upTo: 8) == Pattern.bytes(from: 0, count: 8))
            }
            _ = stopped.status
        }
    }

    @Test func amongManyReadersEachIsFetchedOnePieceAtATime() async throws {
        let (readers, total) = (80, 1 << 18)
        let allAreThere = RawGate()
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            await allAreThere.wait()
            try await connection.sendPattern(total)
        } test: { client, server in
            var bodies: [TransferBody.Iterator] = []
            for _ in 0..<readers {
                bodies.append(try await client.execute(TransferRequest(url: server.url())).body.makeAsyncIterator())
            }
            allAreThere.open()
            var checkers = [Pattern.Checker](repeating: Pattern.Checker(), count: readers)
            for reader in 0..<readers {
                if let bytes = try await bodies[reader].next() { checkers[reader].take(bytes) }
            }
            try await Self.untilQuiet(server)
            // What was read is all that was fetched.
            #expect(client.bytesReceived == checkers.reduce(0) { $0 + UInt64($1.count) })
            for reader in 0..<readers {
                while let bytes = try await bodies[reader].next() { checkers[reader].take(bytes) }
            }
            #expect(checkers.allSatisfy { $0.isIntact && $0.count == total })
        }
    }

    /// Waits until the server, which has begun to send bodies, could push nothing for a while.
    private static func untilQuiet(_ server: RawServer) async throws {
        var last = -1
        var quiet = 0
        try await eventually("the server is held back") {
            quiet = server.bytesWritten == last && last > 1 << 16 ? quiet + 1 : 0
            last = server.bytesWritten
            return quiet >= 40
        }
    }
}
