// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct UploadTests {
    /// Answers with the length and checks of what came.
    private static let receiving: RawServer.Script = { connection in
        let request = try await connection.readHead()
        let body = try await connection.readBody(of: request)
        var checker = Pattern.Checker()
        checker.take(body)
        let text = "\(checker.count) \(checker.isIntact)"
        try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
    }

    private static func pieces(_ total: Int, of size: Int) -> [ByteBuffer] {
        stride(from: 0, to: total, by: size).map { Pattern.bytes(from: $0, count: min(size, total - $0)) }
    }

    @Test func bytesAreSentWithTheirLength() async throws {
        try await withServer(script: Self.receiving) { client, server in
            let body = TransferRequestBody.bytes(Pattern.bytes(from: 0, count: 1_000_000))
            let response = try await client.execute(TransferRequest(method: .post, url: server.url(), body: body))
            #expect(try await String(buffer: response.body.collect(upTo: 100)) == "1000000 true")
            #expect(server.requests.first?.values("content-length") == ["1000000"])
            for name in ["expect", "content-type", "transfer-encoding", "user-agent", "accept"] {
                #expect(server.requests.first?.values(name) == [])
            }
        }
    }

    @Test(arguments: ["POST", "PUT", "PATCH"]) func methodsThatMeanABodySendALengthOfZero(method: String) async throws {
        try await withServer(script: Self.receiving) { client, server in
            let request = TransferRequest(method: HTTPRequest.Method(method)!, url: server.url())
            _ = try await client.execute(request).body.collect(upTo: 100)
            #expect(server.requests.first?.line == "\(method) / HTTP/1.1")
            #expect(server.requests.first?.values("content-length") == ["0"])
        }
    }

    @Test(arguments: ["GET", "DELETE", "OPTIONS"]) func methodsThatMeanNoneSendNone(method: String) async throws {
        try await withServer(script: Self.receiving) { client, server in
            let request = TransferRequest(method: HTTPRequest.Method(method)!, url: server.url())
            _ = try await client.execute(request).body.collect(upTo: 100)
            #expect(server.requests.first?.line == "\(method) / HTTP/1.1")
            #expect(server.requests.first?.values("content-length") == [])
            #expect(server.requests.first?.values("transfer-encoding") == [])
        }
    }

    @Test func aStreamWithALengthArrivesBitForBit() async throws {
        try await withServer(script: Self.receiving) { client, server in
            let source = Pieces(Self.pieces(5_000_001, of: 70_001))
            let body = TransferRequestBody.stream(length: 5_000_001, source)
            let response = try await client.execute(TransferRequest(method: .put, url: server.url(), body: body))
            #expect(try await String(buffer: response.body.collect(upTo: 100)).hasPrefix("5000001 "))
            #expect(server.requests.first?.values("content-length") == ["5000001"])
        }
    }

    @Test func aStreamWithoutALengthIsChunked() async throws {
        try await withServer(script: Self.receiving) { client, server in
            let source = Pieces(Self.pieces(900_001, of: 70_001) + [ByteBuffer()])
            let body = TransferRequestBody.stream(length: nil, source)
            let response = try await client.execute(TransferRequest(method: .post, url: server.url(), body: body))
            #expect(try await String(buffer: response.body.collect(upTo: 100)) == "900001 true")
            #expect(server.requests.first?.values("transfer-encoding") == ["chunked"])
        }
    }

    @Test func theSourceIsPulledNoFasterThanTheServerReads() async throws {
        let go = RawGate()
        try await withServer { connection in
            let request = try await connection.readHead()
            await go.wait()
            let body = try await connection.readBody(of: request)
            var checker = Pattern.Checker()
            checker.take(body.getSlice(at: 0, length: 1_000_000) ?? ByteBuffer())
            try await connection.send("HTTP/1.1 \(checker.isIntact ? 200 : 500) Seen\r\nContent-Length: 0\r\n\r\n")
        } test: { client, server in
            let source = Pieces(Self.pieces(64 << 20, of: 1 << 18))
            let body = TransferRequestBody.stream(length: 64 << 20, source)
            let task = Task {
                try await client.execute(TransferRequest(method: .put, url: server.url(), body: body)).status
            }
            var last = -1
            var quiet = 0
            try await eventually("the source is held back") {
                let pulled = source.pulled.value
                quiet = pulled == last && pulled > 0 ? quiet + 1 : 0
                last = pulled
                return quiet >= 40
            }
            #expect(source.pulled.value << 18 < 16 << 20)
            go.open()
            #expect(try await task.value == 200)
            #expect(source.pulled.value == 256)
        }
    }

    @Test func aSourceThatFailsEndsTheTransfer() async throws {
        try await withServer(script: Self.receiving) { client, server in
            let source = Pieces([ByteBuffer(string: "abc")], failure: NeverHappened(what: "disk"))
            await expectFailure(.incomplete) {
                let body = TransferRequestBody.stream(length: nil, source)
                _ = try await client.execute(TransferRequest(method: .put, url: server.url(), body: body))
            }
        }
    }

    @Test func theFailureOfATransferAsSourceIsPassedOn() async throws {
        try await withServer(script: Self.receiving) { client, server in
            let source = Pieces([ByteBuffer(string: "abc")], failure: TransferError(.idleTimeout))
            await expectFailure(.idleTimeout) {
                let body = TransferRequestBody.stream(length: nil, source)
                _ = try await client.execute(TransferRequest(method: .put, url: server.url(), body: body))
            }
        }
    }

    @Test(arguments: [2, 4]) func aSourceOfAnotherLengthIsNeverSentAsWhole(length: Int64) async throws {
        try await withServer(script: Self.receiving) { client, server in
            let body = TransferRequestBody.stream(length: length, Pieces([ByteBuffer(string: "abc")]))
            await expectFailure(.incomplete) {
                _ = try await client.execute(TransferRequest(method: .put, url: server.url(), body: body))
            }
        }
    }

    @Test func cancellingWhileTheSourceIsAwaitedEndsBoth() async throws {
        let gate = RawGate()
        try await withServer(script: Self.receiving) { client, server in
            let source = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
                continuation.yield(ByteBuffer(string: "a"))
                continuation.onTermination = { _ in gate.open() }
            }
            let body = TransferRequestBody.stream(length: nil, source)
            let task = Task {
                try await client.execute(TransferRequest(method: .put, url: server.url(), body: body)).status
            }
            try await eventually("it has begun") { server.requests.count == 1 }
            task.cancel()
            await expectFailure(.cancelled) { _ = try await task.value }
            await gate.wait()
        }
    }

    @Test func anAnswerBeforeTheBodysEndIsDelivered() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            await connection.untilClosed()
        } test: { client, server in
            let source = Pieces(Self.pieces(64 << 20, of: 1 << 18))
            let body = TransferRequestBody.stream(length: 64 << 20, source)
            let response = try await client.execute(TransferRequest(method: .put, url: server.url(), body: body))
            #expect(response.status == 413)
            #expect(try await String(buffer: response.body.collect(upTo: 100)) == "no")
            #expect(source.pulled.value < 256)
        }
    }

    @Test func theUpstreamsTimeDoesNotRunWhileTheSourceIsAwaited() async throws {
        try await withServer(script: Self.receiving) { client, server in
            let source = AsyncThrowingStream<ByteBuffer, any Error> {
                // Longer than the limit: that is what the test is about.
                try await Task.sleep(for: .milliseconds(2500))
                return nil
            }
            var request = TransferRequest(method: .put, url: server.url(), body: .stream(length: nil, source))
            request.limits.firstByte = .seconds(1)
            let status = try await client.execute(request).status
            #expect(status == 200)
        }
    }
}
