// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Synchronization
import Testing

@testable import Gateway

/// That what the log says of a request is what happened, as its socket saw it.
@Suite struct LogEntryTests {
    private func request(
        _ method: String,
        _ path: String,
        _ id: String,
        key: String? = GatewayFixture.adminKey,
        fields: String = "Connection: close\r\n",
        body: String = ""
    ) -> String {
        let key = key.map { "X-API-Key: \($0)\r\n" } ?? ""
        return "\(method) \(path) HTTP/1.1\r\nHost: x\r\nX-Request-Id: \(id)\r\n\(key)\(fields)\r\n\(body)"
    }

    private func posting(_ body: String) -> String {
        "Connection: close\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
    }

    /// Just one entry, with what the client saw.
    private func expect(
        _ entry: LogEntry,
        _ answer: RawAnswer,
        _ outcome: LogEntry.Outcome,
        in fixture: GatewayFixture,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(entry.status == answer.status, sourceLocation: sourceLocation)
        #expect(entry.outcome == outcome, sourceLocation: sourceLocation)
        #expect(entry.bytesOut == Int64(answer.body.count), sourceLocation: sourceLocation)
        #expect(entry.timings.body != nil, sourceLocation: sourceLocation)
        let same = try await fixture.log().count { $0.requestId == entry.requestId }
        #expect(same == 1, sourceLocation: sourceLocation)
    }

    @Test func everyEndIsLoggedAsItWas() async throws {
        let provider = try FakeProvider("alpha")
        let file = provider.add("x", bytes: .pattern(70_000))
        let broken = provider.add("y", in: "s2", size: .some(nil))
        provider.script { $0.listFailures["s2"] = ProviderError(.unavailable, message: "down") }
        let fixture = try await GatewayFixture([provider])
        let limited = try await fixture.key(limits: RateLimitPolicy(requests: RequestRate("1/day"), burst: 1))
        let (path, other) = (fixture.path(of: file), fixture.path(of: broken))
        provider.remove(broken.reference)
        let requests: [(String, String, String?, LogEntry.Outcome)] = [
            ("GET", path, GatewayFixture.adminKey, .complete), ("HEAD", path, GatewayFixture.adminKey, .complete),
            ("GET", "/v1/providers", GatewayFixture.adminKey, .complete),
            ("HEAD", "/v1/providers", GatewayFixture.adminKey, .refused), ("GET", "/v1/providers", nil, .refused),
            ("GET", "/unknown", GatewayFixture.adminKey, .refused), ("PUT", path, GatewayFixture.adminKey, .refused),
            ("GET", "/v1/downloads?limit=x", GatewayFixture.adminKey, .refused),
            ("GET", "/v1/providers", limited, .complete), ("GET", "/v1/downloads", limited, .refused),
            ("GET", other, GatewayFixture.adminKey, .refused),
            ("GET", "/v1/downloads?sessionId=s2", GatewayFixture.adminKey, .failed),
            ("DELETE", path, GatewayFixture.adminKey, .complete), ("GET", "/a%20b", GatewayFixture.adminKey, .refused),
        ]
        try await fixture.live { port in
            for (index, (method, path, key, outcome)) in requests.enumerated() {
                let answer = try await RawClient.exchange(port, self.request(method, path, "r\(index)", key: key))
                let entry = try await fixture.logEntry(of: "r\(index)")
                try await self.expect(entry, answer, outcome, in: fixture)
                #expect(entry.method == method)
            }
            let entries = try await fixture.log()
            #expect(entries.first { $0.requestId == "r9" }?.code == "RATE_LIMITED")
            #expect(entries.first { $0.requestId == "r10" }?.downloadId == fixture.id(of: broken))
            #expect(entries.first { $0.requestId == "r11" }?.sessionId == "s2")
        }
    }

    // MARK: Bytes in

    @Test func theBytesOfABodyAreCountedAsTheyAreRead() async throws {
        let fixture = try await GatewayFixture([])
        let body = #"{"name":"n","scopes":["downloads:read"]}"#
        let half = body.utf8.count / 2
        let chunks = [body.prefix(half), body.dropFirst(half)].map {
            "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n"
        }
        let chunked = "Connection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        try await fixture.live { port in
            func exchange(_ id: String, _ key: String?, _ fields: String, _ body: String) async throws -> LogEntry {
                let text = self.request("POST", "/v1/keys", id, key: key, fields: fields, body: body)
                _ = try await RawClient.exchange(port, text)
                return try await fixture.logEntry(of: id)
            }
            let whole = try await exchange("a", GatewayFixture.adminKey, self.posting(body), body)
            #expect(whole.status == 201)
            #expect(whole.bytesIn == Int64(body.utf8.count))
            let framed = try await exchange("b", GatewayFixture.adminKey, chunked, chunks.joined() + "0\r\n\r\n")
            #expect(framed.status == 201)
            #expect(framed.bytesIn == Int64(body.utf8.count))
            // Nobody looked at it.
            let refused = try await exchange("c", nil, self.posting(body), body)
            #expect(refused.status == 401)
            #expect(refused.bytesIn == 0)
            let malformed = try await exchange("d", GatewayFixture.adminKey, self.posting("{!"), "{!")
            #expect(malformed.status == 400)
            #expect(malformed.bytesIn == 2)
            #expect(malformed.outcome == .refused)
        }
    }

    // MARK: Clients that leave

    @Test func whoLeavesBeforeTheHeadGotNothing() async throws {
        let provider = try FakeProvider("alpha")
        provider.add("x")
        let gate = Gate()
        provider.script { $0.gates[.list] = gate }
        let fixture = try await GatewayFixture([provider])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            let path = "/v1/downloads?provider=alpha&sessionId=s1"
            try await client.send(self.request("GET", path, "gone", fields: ""))
            try await eventually("the upstream is asked") { gate.waiting == 1 }
            let connections = fixture.gateway.sentAnswers.connectionCount
            try await client.reset()
            try await eventually("the gateway knows") {
                fixture.gateway.sentAnswers.connectionCount < connections
            }
            gate.open()
            let entry = try await fixture.logEntry(of: "gone")
            #expect(entry.outcome == .clientGone)
            #expect(entry.bytesOut == 0)
            #expect(entry.status == 200)
            #expect(entry.provider == "alpha")
            #expect(entry.sessionId == "s1")
        }
    }

    /// The ends of an answer, one by one; a socket does not let itself be told when to notice what.
    @Test(arguments: [
        ("sent", LogEntry.Outcome.complete, 5), ("closed side", .clientGone, 0), ("failed write", .clientGone, 0),
        ("no write", .clientGone, 0),
    ])
    func theConnectionDecides(_ what: String, _ outcome: LogEntry.Outcome, _ bytes: Int64) throws {
        let closed = Mutex<[LogEntry]>([])
        let entry = LogEntry(
            time: Date(timeIntervalSince1970: 0),
            requestId: "r",
            method: "GET",
            target: "/",
            status: 500,
            outcome: .failed
        )
        let record = RequestRecord(entry) { entry in closed.withLock { $0.append(entry) } }
        let answers = SentAnswers()
        let channel = EmbeddedChannel()
        if what == "failed write" { try channel.pipeline.syncOperations.addHandler(FailingWrites()) }
        try channel.pipeline.syncOperations.addHandler(SentAnswerHandler(answers))
        #expect(answers.connectionCount == 1)
        if what == "closed side" { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        record.answered(status: 200, bytes: 5)
        #expect(answers.expect(record, on: channel))
        let early = closed.withLock { $0 }
        #expect(early.isEmpty)
        if what != "no write" {
            channel.write(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
            channel.write(HTTPResponsePart.head(HTTPResponse(status: .ok)), promise: nil)
            channel.write(HTTPResponsePart.body(ByteBuffer(string: "hello")), promise: nil)
            channel.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
        }
        _ = try? channel.finish()
        let entries = closed.withLock { $0 }
        #expect(entries.map(\.outcome) == [outcome])
        #expect(entries.map(\.bytesOut) == [bytes])
        #expect(answers.connectionCount == 0)
    }

    private final class FailingWrites: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    @Test func aPlainAnswerThatNobodyTookIsNotComplete() async throws {
        let provider = try FakeProvider("alpha")
        // More than the sockets' buffers take on both sides.
        for index in 0..<400 {
            provider.add("\(index)") { $0.native = ["note": .string(String(repeating: "x", count: 30_000))] }
        }
        let fixture = try await GatewayFixture([provider])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.stopReading()
            let fields = "Accept: application/x-ndjson\r\n"
            try await client.send(self.request("GET", "/v1/downloads", "slow", fields: fields))
            try await eventually("the upstream was asked") { provider.count(.list) > 0 }
            // It is under way, and so not in the log.
            _ = try await RawClient.exchange(port, self.request("GET", "/healthz", "after"))
            _ = try await fixture.logEntry(of: "after")
            #expect(try await !fixture.log().contains { $0.requestId == "slow" })
            await client.close()
            let entry = try await fixture.logEntry(of: "slow")
            #expect(entry.outcome == .clientGone)
            #expect(entry.status == 200)
        }
    }
}
