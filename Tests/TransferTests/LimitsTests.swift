// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct LimitsTests {
    private func attempt(
        _ expected: TransferError.Kind,
        limits: TransferLimits = TransferLimits(),
        sourceLocation: SourceLocation = #_sourceLocation,
        script: @escaping RawServer.Script
    ) async throws {
        try await withServer(script: script) { client, server in
            await expectFailure(expected, sourceLocation: sourceLocation) {
                let response = try await client.execute(TransferRequest(url: server.url(), limits: limits))
                _ = try await response.body.collect(upTo: 1 << 20)
            }
        }
    }

    private func attempt(
        _ expected: TransferError.Kind,
        raw answer: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await self.attempt(expected, sourceLocation: sourceLocation) { connection in
            _ = try await connection.readHead()
            try await connection.send(answer)
        }
    }

    @Test func silenceIsAFirstByteTimeout() async throws {
        try await self.attempt(.firstByteTimeout, limits: TransferLimits(firstByte: .milliseconds(150))) { connection in
            _ = try await connection.readHead()
            await connection.untilClosed()
        }
    }

    @Test func interimAnswersDoNotHoldTheFirstByteOff() async throws {
        try await self.attempt(.firstByteTimeout, limits: TransferLimits(firstByte: .milliseconds(150))) { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            await connection.untilClosed()
        }
    }

    @Test func aStalledHeadIsAnIdleTimeout() async throws {
        try await self.attempt(.idleTimeout, limits: TransferLimits(idle: .milliseconds(150))) { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\n")
            await connection.untilClosed()
        }
    }

    @Test func aStalledBodyIsAnIdleTimeout() async throws {
        try await self.attempt(.idleTimeout, limits: TransferLimits(idle: .milliseconds(150))) { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            await connection.untilClosed()
        }
    }

    @Test func aHandshakeThatNeverComesIsAConnectTimeout() async throws {
        try await withServer { connection in
            await connection.untilClosed()
        } test: { client, server in
            let limits = TransferLimits(connect: .milliseconds(150))
            await expectFailure(.connectTimeout) {
                _ = try await client.execute(TransferRequest(url: "https://127.0.0.1:\(server.port)/", limits: limits))
            }
        }
    }

    @Test func aServerWithoutTLSIsATLSFailure() async throws {
        try await withServer { connection in
            try await connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        } test: { client, server in
            await expectFailure(.tlsFailed) {
                _ = try await client.execute(TransferRequest(url: "https://127.0.0.1:\(server.port)/"))
            }
        }
    }

    @Test func aClosedPortIsAConnectFailure() async throws {
        try await withServer { _ in
        } test: { client, server in
            let url = server.url()
            await server.shutdown()
            await expectFailure(.connectFailed) { _ = try await client.execute(TransferRequest(url: url)) }
        }
    }

    @Test func aNameThatDoesNotResolveIsAConnectFailure() async throws {
        try await withServer { _ in
        } test: { client, _ in
            // No name server is asked for a label of more than 63 bytes (RFC 1035, 2.3.4): it need not be there, nor be quick.
            let name = String(repeating: "x", count: 64) + ".invalid"
            await expectFailure(.connectFailed) {
                _ = try await client.execute(TransferRequest(url: "http://\(name)/"))
            }
        }
    }

    @Test func aBodyShortOfItsLengthIsIncomplete() async throws {
        try await self.attempt(.incomplete, raw: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    }

    @Test(arguments: ["5\r\nabc", "5\r\nabcde\r\n", "5\r\nabcde\r\n0\r\n", "5"])
    func aBodyCutWithinItsChunksIsIncomplete(chunks: String) async throws {
        try await self.attempt(.incomplete, raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)")
    }

    @Test(arguments: ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"])
    func aHeadThatIsCutIsIncomplete(head: String) async throws {
        try await self.attempt(.incomplete, raw: head)
    }

    @Test func aResetIsIncompleteAlsoWhereTheEndIsTheClose() async throws {
        try await self.attempt(.incomplete) { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\n\r\nabc")
            await connection.reset()
        }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n", "<html>no head</html>", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 099 Low\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nName : v\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: empty\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
    ])
    func anAnswerThatIsNoHTTPIsMalformed(answer: String) async throws {
        try await self.attempt(.malformed, raw: answer)
    }

    @Test(arguments: [
        "Content-Length: 3\r\nContent-Length: 4", "Content-Length: 3, 4", "Content-Length: +3", "Content-Length: -3",
        "Content-Length: 0x3", "Content-Length: 3 3", "Content-Length:", "Content-Length: 99999999999999999999",
        "Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ])
    func framingThatContradictsItselfIsMalformed(fields: String) async throws {
        try await self.attempt(.malformed, raw: "HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    }

    @Test(arguments: [
        "xyz\r\nabc\r\n", "0x3\r\nabc\r\n", "-3\r\nabc\r\n", "FFFFFFFFFFFFFFFFFF\r\nabc\r\n", "3\r\nabcd\r\n",
    ])
    func chunksThatAreNoneAreMalformed(chunks: String) async throws {
        try await self.attempt(.malformed, raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)")
    }

    @Test func twiceTheSameLengthIsOne() async throws {
        try await withServer { connection in
            try await connection.answer(headers: ["Content-Length: 2"], body: "ok")
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(try await String(buffer: response.body.collect(upTo: 10)) == "ok")
        }
    }

    @Test func swiftNIO_CVE_2026_28980_headerCountIsCapped() async throws {
        let fields = String(repeating: "a: b\r\n", count: 201)
        try await self.attempt(.malformed, raw: "HTTP/1.1 200 OK\r\n\(fields)\r\n")
    }

    @Test func headerBytesAreCapped() async throws {
        let fields = String(repeating: "a: \(String(repeating: "b", count: 8000))\r\n", count: 9)
        try await self.attempt(.malformed, raw: "HTTP/1.1 200 OK\r\n\(fields)\r\n")
    }

    @Test func interimHeadsAreCappedTogether() async throws {
        try await self.attempt(.malformed, raw: String(repeating: "HTTP/1.1 103 Early\r\na: b\r\n\r\n", count: 100))
    }
}
