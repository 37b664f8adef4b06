// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct StreamingTests {
    @Test func returnsStatusHeadersAndBody() async throws {
        try await withServer { connection in
            try await connection.answer(
                "404 Not Found",
                headers: ["X-One: 1", "Content-Type: text/plain"],
                body: "hello"
            )
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url("/a?b=c#d")))
            #expect(response.status == 404)
            #expect(response.headers[.contentType] == "text/plain")
            #expect(response.url == server.url("/a?b=c"))
            #expect(try await String(buffer: response.body.collect(upTo: 5)) == "hello")
            #expect(server.requests.first?.line == "GET /a?b=c HTTP/1.1")
        }
    }

    @Test func twoHundredMegabytesArriveBitForBit() async throws {
        let total = 200_000_000
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            try await connection.sendPattern(total, piece: 1_000_000)
        } test: { client, server in
            var checker = Pattern.Checker()
            let response = try await client.execute(TransferRequest(url: server.url()))
            for try await bytes in response.body { checker.take(bytes) }
            #expect(checker.isIntact)
            #expect(checker.count == total)
        }
    }

    @Test func chunkedBodyArrivesWithoutItsFraming() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in ["3\r\nabc\r\n", "A;x=y\r\n0123456789\r\n", "0\r\nX-Trailer: t\r\n\r\n"] {
                try await connection.send(piece)
            }
            await connection.untilClosed()
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(try await String(buffer: response.body.collect(upTo: 100)) == "abc0123456789")
            #expect(response.headers[HTTPField.Name("X-Trailer")!] == nil)
        }
    }

    @Test func closeDelimitedBodyEndsWithTheConnection() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.0 200 OK\r\n\r\nuntil the end")
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(try await String(buffer: response.body.collect(upTo: 100)) == "until the end")
        }
    }

    @Test func headHasNoBodyWhateverItsLength() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            await connection.untilClosed()
        } test: { client, server in
            let response = try await client.execute(TransferRequest(method: .head, url: server.url()))
            #expect(response.headers[.contentLength] == "1000")
            #expect(try await response.body.collect(upTo: 0).readableBytes == 0)
            #expect(server.requests.first?.line == "HEAD / HTTP/1.1")
        }
    }

    @Test(arguments: ["204 No Content", "304 Not Modified"]) func statusesWithoutBodyEndAtOnce(
        status: String
    ) async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 \(status)\r\n\r\n")
            await connection.untilClosed()
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(try await response.body.collect(upTo: 0).readableBytes == 0)
        }
    }

    @Test func interimAnswersAreSkipped() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(response.status == 200)
            #expect(response.headers[HTTPField.Name("Link")!] == nil)
            #expect(try await String(buffer: response.body.collect(upTo: 2)) == "ok")
        }
    }

    @Test func encodedBodiesArePassedOnAsTheyAre() async throws {
        try await withServer { connection in
            try await connection.answer(headers: ["Content-Encoding: gzip"], body: "no gzip at all")
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(try await String(buffer: response.body.collect(upTo: 100)) == "no gzip at all")
            #expect(server.requests.first?.values("accept-encoding") == ["identity"])
        }
    }

    @Test func collectRefusesMoreThanItsLimit() async throws {
        try await withServer { connection in
            try await connection.answer(body: "123456")
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            await expectFailure(.tooLarge) { _ = try await response.body.collect(upTo: 5) }
        }
    }

    @Test func aSecondIterationIsRefusedAndDoesNotTrap() async throws {
        try await withServer { connection in
            try await connection.answer(body: "once")
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            _ = try await response.body.collect(upTo: 10)
            await expectFailure(.closed) { _ = try await response.body.collect(upTo: 10) }
        }
    }

    @Test func eightAtOnceStayApart() async throws {
        try await withServer { connection in
            let request = try await connection.readHead()
            let name = request.line.split(separator: " ")[1]
            let body = String(repeating: "\(name)\n", count: 50_000)
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        } test: { client, server in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<8 {
                    group.addTask {
                        let response = try await client.execute(TransferRequest(url: server.url("/\(index)")))
                        let body = try await response.body.collect(upTo: 1_000_000)
                        return String(buffer: body) == String(repeating: "/\(index)\n", count: 50_000)
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }
}
