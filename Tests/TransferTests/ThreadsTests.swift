// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct ThreadsTests {
    /// Answers with a body whose last bytes wait for the gate.
    private static func script(_ gate: RawGate, _ total: Int) -> RawServer.Script {
        { connection in
            while true {
                _ = try await connection.readHead()
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
                await gate.wait()
                try await connection.sendPattern(total)
            }
        }
    }

    @Test func transfersAreSharedOutAmongThreads() async throws {
        let gate = RawGate()
        try await withServer(threads: 3, script: Self.script(gate, 1000)) { client, server in
            var bodies: [TransferBody] = []
            for _ in 0..<9 { bodies.append(try await client.execute(TransferRequest(url: server.url())).body) }
            #expect(client.loads == [3, 3, 3] && client.openTransfers == 9 && client.begunTransfers == 9)
            gate.open()
            for body in bodies {
                #expect(try await body.collect(upTo: 1000) == Pattern.bytes(from: 0, count: 1000))
            }
            try await eventually("all have left") { client.loads == [0, 0, 0] }
        }
    }

    @Test func whatEndsMakesRoom() async throws {
        let gate = RawGate()
        try await withServer(threads: 2, script: Self.script(gate, 10)) { client, server in
            let first = try await client.execute(TransferRequest(url: server.url()))
            let second = Task { try await client.execute(TransferRequest(url: server.url())).body.collect(upTo: 10) }
            try await eventually("each thread has one") { client.loads == [1, 1] }
            second.cancel()
            await expectFailure(.cancelled) { _ = try await second.value }
            try await eventually("it has left") { client.loads == [1, 0] }
            await expectFailure(.addressRefused(reason: "private")) {
                _ = try await client.execute(TransferRequest(url: "http://10.0.0.1/"))
            }
            #expect(client.loads == [1, 0])
            gate.open()
            _ = try await first.body.collect(upTo: 10)
        }
    }

    @Test func oneRequestAfterTheOtherStaysOnOneConnection() async throws {
        let gate = RawGate()
        gate.open()
        try await withServer(threads: 4, script: Self.script(gate, 10)) { client, server in
            for _ in 0..<20 {
                _ = try await client.execute(TransferRequest(url: server.url())).body.collect(upTo: 10)
                try await eventually("the transfer has left") { client.openTransfers == 0 }
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test func shutdownEndsTheTransfersOfAllThreads() async throws {
        let gate = RawGate()
        try await withServer(threads: 3, script: Self.script(gate, 10)) { client, server in
            var bodies: [TransferBody] = []
            for _ in 0..<6 { bodies.append(try await client.execute(TransferRequest(url: server.url())).body) }
            await client.shutdown()
            for body in bodies { await expectFailure(.closed) { _ = try await body.collect(upTo: 10) } }
            await expectFailure(.closed) { _ = try await client.execute(TransferRequest(url: server.url())) }
            try await eventually("all have left") { client.loads == [0, 0, 0] }
            gate.open()
        }
    }
}
