// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import NIOEmbedded
import ServiceLifecycle
import Testing

@testable import Gateway

/// What is never answered again at once, however often it is asked.
@Suite struct UnpreparedAnswerTests {
    private let known: KnownDownload

    init() throws { self.known = try KnownDownload() }

    @Test(arguments: [
        "X-Request-Id: mine\r\n", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
        "Cache-Control: no-cache\r\n", "Prefer: wait=1\r\n", "Content-Length: 0\r\n",
        "X-Long: \(String(repeating: "a", count: 2048))\r\n",
    ])
    func whatIsOneOfItsKindGoesTheLongWay(_ field: String) async throws {
        let fixture = try await self.known.fixture()
        let question = self.known.question(fixture, GatewayFixture.adminKey, field)
        try await fixture.live { port in
            try await self.known.expect([200, 200], port, [question, question])
            #expect(self.known.prepared(fixture) == 0)
        }
    }

    @Test func bytesAreNeverPrepared() async throws {
        let fixture = try await self.known.fixture()
        let question = self.known.question(fixture, GatewayFixture.adminKey)
            .replacingOccurrences(of: "application/json", with: "*/*")
        try await fixture.live { port in
            let answers = try await self.known.ask(port, [question, question])
            #expect(answers.map { String(decoding: $0.body, as: UTF8.self) } == ["some bytes", "some bytes"])
            #expect(self.known.prepared(fixture) == 0)
        }
    }

    /// Two requests in one read are two answers, and never learnt as one.
    @Test func requestsThatComeTogetherAreAnsweredOneByOne() async throws {
        let fixture = try await self.known.fixture()
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        try await fixture.live { port in
            for _ in 0..<3 {
                let client = try await RawClient.connect(port)
                try await client.send(question + question)
                try await eventually("both answers are there") { self.answerCount(client) == 2 }
                _ = try await self.known.ask(client, question)
                #expect(self.answerCount(client) == 3)
                await client.close()
            }
        }
    }

    private func answerCount(_ client: RawClient) -> Int {
        String(decoding: client.answer.bytes, as: UTF8.self).components(separatedBy: "HTTP/1.1 200 OK").count - 1
    }

    @Test func aRequestThatComesInPiecesIsOneRequest() async throws {
        let fixture = try await self.known.fixture()
        let question = Array(self.known.question(fixture, GatewayFixture.adminKey).utf8)
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            _ = try await self.known.ask(client, question)
            for cut in [1, 20, question.count - 2, question.count - 1] {
                try await client.send(Array(question.prefix(cut)))
                let answer = try await self.known.ask(client, Array(question.dropFirst(cut)))
                #expect(answer.status == 200)
            }
            // A head in one piece behind half of another one is the end of that one.
            try await client.send("GET /v1/downloads/unknown HTTP/1.1\r\nX: ")
            #expect(try await self.known.ask(client, question).status == 404)
        }
    }

    /// Else somebody who asks on and on, and reads nothing, would fill the memory.
    @Test func whoDoesNotReadIsNotAnsweredAtOnce() async throws {
        let fixture = try await self.known.fixture()
        let plan = try fixture.gateway.plan()
        let answers = try #require(
            fixture.gateway.preparedAnswers(plan.metrics.requests, DateField(now: fixture.time.clock))
        )
        let id = fixture.id(of: self.known.download)
        let place = try await fixture.gateway.library.resolve(id, for: .admin)
        let download = try await fixture.gateway.library.download(place)
        var facts = RequestRecord.silent.facts
        facts.status = 200
        let record = RequestRecord(facts, write: nil)
        record.metadata = KnownMetadata(download, at: place, json: ByteBuffer(), for: .admin, asked: [:])
        let question = ByteBuffer(string: self.known.question(fixture, GatewayFixture.adminKey))
        let channel = EmbeddedChannel()
        let clock = RequestClock(Gateway.Configuration().server, channel) { _ in }
        try channel.pipeline.syncOperations.addHandler(PreparedAnswerHandler(answers, clock))
        func isAnswered() throws -> Bool {
            try channel.writeInbound(question)
            let isPassedOn = try channel.readInbound(as: ByteBuffer.self) != nil
            return try (channel.readOutbound(as: ByteBuffer.self) != nil) && !isPassedOn
        }
        #expect(try !isAnswered())
        channel.triggerUserOutboundEvent(AnsweredRequest(record: record), promise: nil)
        #expect(try isAnswered())
        channel.isWritable = false
        #expect(try !isAnswered())
        channel.isWritable = true
        #expect(try isAnswered())
        _ = try? channel.finish()
    }

    @Test func beyondWhatIsServedAtATimeItIsRefusedAsEver() async throws {
        let fixture = try await self.known.fixture { $0.server.maxInFlight = 1 }
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        let gate = Gate()
        try await fixture.live { port in
            try await self.known.expect([200, 200], port, [question, question])
            self.known.provider.script { $0.gates[.delete] = gate }
            let path = fixture.path(of: self.known.download)
            async let slow = fixture.send(.delete, path)
            try await eventually("the other is under way") { self.known.provider.count(.delete) == 1 }
            try await self.known.expect([503], port, [question])
            #expect(fixture.gateway.counts.snapshot.refusals[.overloaded] == 1)
            gate.open()
            _ = try await slow
        }
    }

    @Test func aGatewayThatStopsSaysSo() async throws {
        let fixture = try await self.known.fixture { $0.server.drainTimeout = 60 }
        let question = self.known.question(fixture, GatewayFixture.adminKey)
        try await fixture.live { port, server in
            let client = try await RawClient.connect(port)
            _ = try await self.known.ask(client, question)
            _ = try await self.known.ask(client, question)
            await server.triggerGracefulShutdown()
            try await eventually("it knows") { fixture.gateway.connections.isDraining }
            // The connection is idle, so that it is closed; a request that is on its way is answered, and says that it is the last.
            let answer = try? await self.known.ask(client, question)
            #expect(answer.map { $0.values("Connection") == ["close"] } ?? true)
            #expect(self.known.prepared(fixture) == 1)
        }
    }
}
