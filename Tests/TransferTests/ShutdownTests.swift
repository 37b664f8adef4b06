// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct ShutdownTests {
    @Test func openTransfersFailAndNewOnesAreRefused() async throws {
        let asked = RawGate()
        try await withServer { connection in
            _ = try await connection.readHead()
            asked.open()
            await connection.untilClosed()
        } test: { client, server in
            let task = Task { try await client.execute(TransferRequest(url: server.url())).status }
            await asked.wait()
            await client.shutdown()
            await expectFailure(.closed) { _ = try await task.value }
            await expectFailure(.closed) { _ = try await client.execute(TransferRequest(url: server.url())) }
            #expect(client.openTransfers == 0)
        }
    }

    @Test func anOpenBodyFails() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            await connection.untilClosed()
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            await client.shutdown()
            await expectFailure(.closed) { _ = try await response.body.collect(upTo: 10) }
        }
    }

    @Test func twiceAndAtOnceDoesNoHarm() async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            _ = try await client.execute(TransferRequest(url: server.url())).status
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { await client.shutdown() } }
            }
            await client.shutdown()
        }
    }

    @Test func keptConnectionsAreClosed() async throws {
        try await withServer { connection in
            while true { try await connection.answer() }
        } test: { client, server in
            _ = try await client.execute(TransferRequest(url: server.url())).body.collect(upTo: 1)
            #expect(server.openConnections == 1)
            await client.shutdown()
            try await eventually("the connection is closed") { server.openConnections == 0 }
        }
    }

    @Test func aClientThatIsLetGoEndsItsThread() async throws {
        let server = try await RawServer.start { connection in
            while true { try await connection.answer(body: "ok") }
        }
        weak var gone: TransferClient?
        do {
            let client = TransferClient(
                egress: EgressPolicy(allowAddresses: ["127.0.0.1"]),
                logger: Logger(label: "test")
            )
            gone = client
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(try await String(buffer: response.body.collect(upTo: 2)) == "ok")
        }
        try await eventually("client and connection are gone") { gone == nil && server.openConnections == 0 }
        await server.shutdown()
    }

    @Test func aBodyOutlivesTheLastReferenceToItsClient() async throws {
        let server = try await RawServer.start { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(4 << 20)\r\n\r\n")
            try await connection.sendPattern(4 << 20)
        }
        let body = try await Self.bodyOfALostClient(server)
        var checker = Pattern.Checker()
        for try await bytes in body { checker.take(bytes) }
        #expect(checker.isIntact)
        #expect(checker.count == 4 << 20)
        await server.shutdown()
    }

    private static func bodyOfALostClient(_ server: RawServer) async throws -> TransferBody {
        let client = TransferClient(egress: EgressPolicy(allowAddresses: ["127.0.0.1"]), logger: Logger(label: "test"))
        return try await client.execute(TransferRequest(url: server.url())).body
    }

    @Test func manyClientsComeAndGo() async throws {
        let server = try await RawServer.start { connection in
            try await connection.answer(body: "ok")
        }
        for round in 0..<40 {
            let client = TransferClient(
                egress: EgressPolicy(allowAddresses: ["127.0.0.1"]),
                logger: Logger(label: "test")
            )
            if round % 3 > 0 { _ = try await client.execute(TransferRequest(url: server.url())).status }
            if round % 2 > 0 { await client.shutdown() }
        }
        await server.shutdown()
    }
}
