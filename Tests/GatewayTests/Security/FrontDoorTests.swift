// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import ServiceLifecycle
import Testing

@testable import Gateway

/// How many, how much and how slow: what the front door turns away, and that those inside do not feel it.
@Suite struct FrontDoorTests {
    private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    private func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: x\r\nX-API-Key: \(GatewayFixture.adminKey)\r\n\(fields)\r\n"
    }

    /// A gateway with one file, whose bytes stop half-way until the gate opens.
    private func half(
        _ configure: @escaping (inout Gateway.Configuration) -> Void
    ) async throws -> (fixture: GatewayFixture, path: String, gate: Gate) {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", size: 200)
        let gate = Gate()
        provider.script {
            $0.content = { _, _ in
                let body = FakeBody(Data(count: 100), ending: .gate(gate, rest: Data(count: 100)))
                return Content(length: 200, body: body.body)
            }
        }
        let fixture = try await GatewayFixture([provider], configure: configure)
        return (fixture, fixture.path(of: download), gate)
    }

    // MARK: How many

    @Test func requestsBeyondTheMostInFlightAreRefusedFast() async throws {
        let (fixture, path, gate) = try await self.half { $0.server.maxInFlight = 1 }
        try await fixture.live { port in
            let streaming = try await RawClient.connect(port)
            try await streaming.send(self.get(path, "Connection: close\r\n"))
            try await eventually("the first half is there") { streaming.answer.body.count == 100 }
            #expect(fixture.gateway.counts.snapshot.requests == 1)
            let refused = try await RawClient.exchange(port, self.get("/v1/providers", "Connection: close\r\n"))
            #expect(refused.status == 503)
            #expect(refused.values("Retry-After") == ["1"])
            let problem = try JSONDecoder().decode(JSONValue.self, from: refused.body)
            #expect(problem["code"] == "OVERLOADED")
            #expect(refused.values("X-Request-Id").first.map { problem["requestId"] == .string($0) } == true)
            #expect(try await RawClient.exchange(port, Self.health).status == 200)
            gate.open()
            #expect(try await streaming.answerToEnd().isWhole)
            try await eventually("the place is free") { fixture.gateway.counts.snapshot.requests == 0 }
            let next = try await RawClient.exchange(port, self.get("/v1/providers", "Connection: close\r\n"))
            #expect(next.status == 200)
            #expect(fixture.gateway.counts.snapshot.refusals == [.overloaded: 1])
        }
    }

    @Test(arguments: [true, false])
    func connectionsBeyondTheMostAreClosed(_ ofOneAddress: Bool) async throws {
        let fixture = try await GatewayFixture([]) {
            if ofOneAddress { $0.server.maxConnectionsPerAddress = 2 } else { $0.server.maxConnections = 2 }
        }
        try await fixture.live { port in
            let first = try await RawClient.connect(port)
            let second = try await RawClient.connect(port)
            try await eventually("both are in") { fixture.gateway.counts.snapshot.connections == 2 }
            let third = try await RawClient.connect(port)
            #expect(try await third.answerToEnd().bytes.isEmpty)
            let reason = ofOneAddress ? FrontDoorRefusal.connectionsOfAddress : .connections
            #expect(fixture.gateway.counts.snapshot.refusals == [reason: 1])
            // Those inside do not feel it, and a place that is left is free.
            try await second.send(Self.health)
            #expect(try await second.answerToEnd().status == 200)
            try await eventually("one is out") { fixture.gateway.counts.snapshot.connections == 1 }
            #expect(try await RawClient.exchange(port, Self.health).status == 200)
            await first.close()
        }
    }

    @Test func trustedProxiesBringManyCallers() async throws {
        let proxies = ["127.0.0.1", "::1"].compactMap { AddressRange($0) }
        let fixture = try await GatewayFixture([]) {
            $0.server.maxConnectionsPerAddress = 1
            $0.server.trustedProxies = proxies
        }
        try await fixture.live { port in
            let first = try await RawClient.connect(port)
            try await eventually("it is in") { fixture.gateway.counts.snapshot.connections == 1 }
            #expect(try await RawClient.exchange(port, Self.health).status == 200)
            await first.close()
        }
    }

    // MARK: How much

    @Test func boundsOfTheHeadAreConfigured() async throws {
        let fixture = try await GatewayFixture([]) {
            $0.server.maxHeaders = 10
            $0.server.maxHeaderBytes = 2048
            $0.server.maxTargetBytes = 256
        }
        try await fixture.live { port in
            let fields = (0..<9).map { "A\($0): b\r\n" }
            let long = String(repeating: "x", count: 247)
            let requests: [(fields: String, path: String, status: Int)] = [
                (fields.prefix(8).joined(), "/healthz", 200), (fields.joined(), "/healthz", 400),
                ("A: \(String(repeating: "x", count: 1500))\r\n", "/healthz", 400),
                ("", "/healthz?\(long)", 200), ("", "/healthz?\(long)x", 400),
            ]
            for (fields, path, status) in requests {
                let text = "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(fields)\r\n"
                let answer = try await RawClient.exchange(port, text)
                #expect(answer.status == status, "\(path) \(fields)")
            }
            #expect(fixture.gateway.counts.snapshot.refusals == [.largeHead: 2, .longTarget: 1])
        }
    }

    // MARK: How slow

    /// Slowloris, CVE-2007-6750: heads that never end, and connections that never begin.
    @Test func slowlorisCVE_2007_6750_slowHeadsAreCounted() async throws {
        let fixture = try await GatewayFixture([]) {
            $0.server.headerTimeout = 1
            $0.server.idleTimeout = 1.5
        }
        try await fixture.live { port in
            let silent = try await RawClient.connect(port)
            let slow = try await RawClient.connect(port)
            try await slow.send("GET /healthz HTTP/1.1\r\n")
            for _ in 0..<1000 where !slow.isClosed {
                // A byte now and then does not help.
                try? await slow.send("A")
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(slow.isClosed)
            #expect(try await silent.answerToEnd().bytes.isEmpty)
            #expect(fixture.gateway.counts.snapshot.refusals == [.slowHead: 2])
            // One that has been served may wait, and is then closed as a matter of course.
            let kept = try await RawClient.connect(port)
            try await kept.send(Self.health.replacing("Connection: close\r\n", with: ""))
            #expect(try await kept.answerToEnd().status == 200)
            #expect(fixture.gateway.counts.snapshot.refusals == [.slowHead: 2])
        }
    }

    /// R.U.D.Y., the sibling of CVE-2007-6750: a body of a byte now and then.
    @Test func rudyCVE_2007_6750_slowBodiesAreCut() async throws {
        let fixture = try await GatewayFixture([]) {
            $0.server.headerTimeout = 1
            $0.server.minBodyRate = 10_000
        }
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            let head = "POST /v1/keys HTTP/1.1\r\nHost: x\r\nX-API-Key: \(GatewayFixture.adminKey)\r\n"
            try await client.send(head + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            for _ in 0..<1000 where !client.isClosed {
                try? await client.send(" ")
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(client.isClosed)
            #expect(fixture.gateway.counts.snapshot.refusals == [.slowBody: 1])
            #expect(try await RawClient.exchange(port, Self.health).status == 200)
        }
    }

    @Test func timeThatTheGatewayTakesIsNotTheClients() async throws {
        let (fixture, path, gate) = try await self.half {
            $0.server.headerTimeout = 1
            $0.server.idleTimeout = 1
            $0.server.minBodyRate = 1_000_000
        }
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.send(self.get(path, "Connection: close\r\n"))
            try await eventually("the first half is there") { client.answer.body.count == 100 }
            try await Task.sleep(for: .milliseconds(1500))
            gate.open()
            #expect(try await client.answerToEnd().isWhole)
        }
    }

    // MARK: Stopping

    @Test func aStopRefusesAtOnceAndLetsStreamsEnd() async throws {
        let (fixture, path, gate) = try await self.half { $0.server.drainTimeout = 60 }
        try await fixture.live { port, server in
            let streaming = try await RawClient.connect(port)
            try await streaming.send(self.get(path))
            try await eventually("the first half is there") { streaming.answer.body.count == 100 }
            let idle = try await RawClient.connect(port)
            try await eventually("both are in") { fixture.gateway.counts.snapshot.connections == 2 }
            await server.triggerGracefulShutdown()
            #expect(try await idle.answerToEnd().bytes.isEmpty)
            try await eventually("nobody is accepted") { (try? await RawClient.connect(port)) == nil }
            #expect(!streaming.isClosed)
            gate.open()
            #expect(try await streaming.answerToEnd().isWhole)
        }
    }

    @Test func whatDoesNotEndInTimeIsCut() async throws {
        let (fixture, path, _) = try await self.half { $0.server.drainTimeout = 0.1 }
        try await fixture.live { port, server in
            let streaming = try await RawClient.connect(port)
            try await streaming.send(self.get(path, "X-Request-Id: cut\r\n"))
            try await eventually("the first half is there") { streaming.answer.body.count == 100 }
            await server.triggerGracefulShutdown()
            #expect(try await !streaming.answerToEnd().isWhole)
            #expect(try await fixture.logEntry(of: "cut").outcome == .clientGone)
        }
    }
}
