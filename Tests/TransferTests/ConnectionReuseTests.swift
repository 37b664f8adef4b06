// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct ConnectionReuseTests {
    @Test func requestsInARowShareAConnection() async throws {
        try await withServer { connection in
            while true { try await connection.answer(body: "again") }
        } test: { client, server in
            for _ in 0..<20 {
                _ = try await client.execute(TransferRequest(url: server.url())).body.collect(upTo: 10)
            }
            #expect(server.requests.count == 20)
            #expect(server.connectionCount == 1)
        }
    }

    @Test func aConnectionThatIsInUseIsNotShared() async throws {
        let go = RawGate()
        try await withServer { connection in
            _ = try await connection.readHead()
            if connection.index == 0 { await go.wait() }
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        } test: { client, server in
            let first = Task { try await client.execute(TransferRequest(url: server.url())).status }
            try await eventually("the first is asked") { server.requests.count == 1 }
            let status = try await client.execute(TransferRequest(url: server.url())).status
            #expect(status == 200)
            go.open()
            #expect(try await first.value == 200)
            #expect(server.connectionCount == 2)
        }
    }

    @Test func aKeptConnectionThatDiedIsReplaced() async throws {
        try await withServer { connection in
            try await connection.answer(body: "\(connection.index)")
        } test: { client, server in
            for index in 0..<5 {
                let body = try await client.execute(TransferRequest(url: server.url())).body.collect(upTo: 10)
                #expect(String(buffer: body) == "\(index)")
                try await eventually("the server closed") { server.openConnections == 0 }
            }
        }
    }

    @Test func aRequestThatMayNotBeRepeatedNeverMeetsADeadConnection() async throws {
        try await withServer { connection in
            try await connection.answer()
            // The next request on this connection is read and not answered: was it done, or not?
            _ = try await connection.readHead()
        } test: { client, server in
            for _ in 0..<3 {
                let response = try await client.execute(TransferRequest(method: .post, url: server.url()))
                _ = try await response.body.collect(upTo: 1)
            }
            #expect(server.requests.count == 3)
            #expect(server.connectionCount == 3)
        }
    }

    @Test func aBrokenOffBodyLeavesNoConnectionToReuse() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            if connection.index > 0 { try await connection.send("0123456789") }
            await connection.untilClosed()
        } test: { client, server in
            _ = try await client.execute(TransferRequest(url: server.url())).status
            let body = try await client.execute(TransferRequest(url: server.url())).body.collect(upTo: 10)
            #expect(String(buffer: body) == "0123456789")
            #expect(server.connectionCount == 2)
        }
    }
}
