// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

/// What only a socket shows: broken bodies, clients that leave, and what is no HTTP.
@Suite struct LiveConnectionTests {
    private func get(_ path: String, _ key: String = GatewayFixture.adminKey, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\nX-API-Key: \(key)\r\n\(fields)\r\n"
    }

    private func closing(_ path: String, _ id: String) -> String {
        self.get(path, GatewayFixture.adminKey, "Connection: close\r\nX-Request-Id: \(id)\r\n")
    }

    private func fixture(_ bytes: Data, size: Int64?? = nil) async throws -> (GatewayFixture, FakeProvider, String) {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.bin", bytes: bytes, size: size)
        let fixture = try await GatewayFixture([provider])
        return (fixture, provider, fixture.path(of: download))
    }

    // MARK: Bodies

    @Test func aWholeFileIsWhole() async throws {
        let bytes = Data.pattern(300_000)
        let (fixture, _, path) = try await self.fixture(bytes)
        try await fixture.live { port in
            let answer = try await RawClient.exchange(port, self.closing(path, "whole"))
            #expect(answer.status == 200)
            #expect(answer.values("Content-Length") == ["300000"])
            #expect(answer.body == bytes)
            let entry = try await fixture.logEntry(of: "whole")
            #expect(entry.outcome == .complete)
            #expect(entry.bytesOut == 300_000)
            #expect(entry.address == "127.0.0.1" || entry.address == "::1")
        }
    }

    @Test func aFileOfUnknownLengthIsWhole() async throws {
        let bytes = Data.pattern(50_000)
        let (fixture, provider, path) = try await self.fixture(bytes, size: .some(nil))
        provider.script { $0.content = { _, _ in Content(length: nil, body: FakeBody(bytes).body) } }
        try await fixture.live { port in
            let answer = try await RawClient.exchange(port, self.closing(path, "chunked"))
            #expect(answer.values("Content-Length") == [])
            #expect(answer.values("Transfer-Encoding") == ["chunked"])
            #expect(answer.isWhole)
            #expect(try await fixture.logEntry(of: "chunked").bytesOut == 50_000)
        }
    }

    /// RFC 9112, 6.3: what stood behind such a head would be read as the next answer.
    @Test func nothingStandsBehindAHeadOfUnknownLength() async throws {
        let (fixture, _, path) = try await self.fixture(.pattern(10), size: .some(nil))
        try await fixture.live { port in
            let head = self.get(path).replacing("GET ", with: "HEAD ")
            let next = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            let answer = try await RawClient.exchange(port, head + next)
            #expect(answer.status == 200)
            #expect(String(decoding: answer.body, as: UTF8.self).hasPrefix("HTTP/1.1 200 OK"))
        }
    }

    /// Whatever the upstream does, a bad file never looks like a good one.
    @Test(arguments: [
        (40_000, FakeBody.Ending.clean, true), (40_000, .broken, true), (0, .clean, true), (0, .broken, true),
        (60_000, .clean, true), (40_000, .broken, false), (0, .broken, false),
    ])
    func aBodyThatBreaksIsABrokenConnection(_ sent: Int, _ ending: FakeBody.Ending, _ isSizeKnown: Bool) async throws {
        let (fixture, provider, path) = try await self.fixture(.pattern(50_000), size: isSizeKnown ? nil : .some(nil))
        provider.script { script in
            script.content = { _, _ in
                Content(length: isSizeKnown ? 50_000 : nil, body: FakeBody(.pattern(sent), ending: ending).body)
            }
        }
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            // Without `Connection: close`: it is closed because the body broke.
            try await client.send(self.get(path, GatewayFixture.adminKey, "X-Request-Id: cut\r\n"))
            let answer = try await client.answerToEnd()
            #expect(!answer.isWhole)
            #expect(answer.body.count <= 50_000 || !isSizeKnown)
            let entry = try await fixture.logEntry(of: "cut")
            #expect(entry.outcome == .upstreamCut)
            #expect(entry.bytesOut <= Int64(sent))
            #expect(String(decoding: answer.bytes, as: UTF8.self).contains("secret-of-the-cause") == false)
        }
    }

    @Test func aRangeIsFramedByItsOwnLength() async throws {
        let bytes = Data.pattern(50_000)
        let (fixture, _, path) = try await self.fixture(bytes)
        try await fixture.live { port in
            let request = self.get(path, GatewayFixture.adminKey, "Range: bytes=100-199\r\nConnection: close\r\n")
            let answer = try await RawClient.exchange(port, request)
            #expect(answer.status == 206)
            #expect(answer.values("Content-Length") == ["100"])
            #expect(answer.body == bytes[100..<200])
        }
    }

    // MARK: Clients that leave

    @Test func aClientThatLeavesEndsTheUpstreamsTransfer() async throws {
        let (fixture, provider, path) = try await self.fixture(.pattern(200_000))
        let gate = Gate()
        let body = FakeBody(.pattern(100_000), ending: .gate(gate))
        provider.script { $0.content = { _, _ in Content(length: 200_000, body: body.body) } }
        let key = try await fixture.key(limits: RateLimitPolicy(concurrent: 1))
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.send(self.get(path, key, "X-Request-Id: gone\r\n"))
            try await eventually("half of the body is there") { client.answer.body.count == 100_000 }
            try await eventually("the upstream is silent") { gate.waiting == 1 }
            let refused = try await RawClient.exchange(port, self.get("/v1/providers", key, "Connection: close\r\n"))
            #expect(refused.status == 429)
            await client.close()
            try await eventually("the transfer is cancelled") { body.wasCancelled }
            let entry = try await fixture.logEntry(of: "gone")
            #expect(entry.outcome == .clientGone)
            #expect(entry.bytesOut == 100_000)
            // Its place is free again.
            let admitted = try await RawClient.exchange(port, self.get("/v1/providers", key, "Connection: close\r\n"))
            #expect(admitted.status == 200)
        }
    }

    /// Kong's large payloads, v0l/void.cat#40: who stops reading must not make the gateway read on.
    @Test func aClientThatStopsReadingHoldsTheUpstreamBack() async throws {
        let size = 64 * 1024 * 1024
        let (fixture, provider, path) = try await self.fixture(Data(), size: .some(Int64(size)))
        let body = FakeBody(Data(count: size), piece: 64 * 1024)
        provider.script { $0.content = { _, _ in Content(length: Int64(size), body: body.body) } }
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.stopReading()
            try await client.send(self.get(path, GatewayFixture.adminKey, "X-Request-Id: slow\r\n"))
            var last = -1
            try await eventually("the gateway stops pulling") {
                defer { last = body.pulled }
                try await Task.sleep(for: .milliseconds(200))
                return body.pulled > 0 && body.pulled == last
            }
            // What fits into the sockets' buffers on both sides, and not the file.
            #expect(body.pulled < size / 4)
            await client.close()
            #expect(try await fixture.logEntry(of: "slow").outcome == .clientGone)
        }
    }

    @Test func aClientThatTakesNothingIsCutOff() async throws {
        let provider = try FakeProvider("alpha")
        let size = 64 * 1024 * 1024
        let download = provider.add("x", size: .some(Int64(size)))
        let body = FakeBody(Data(count: size), piece: 64 * 1024)
        provider.script { $0.content = { _, _ in Content(length: Int64(size), body: body.body) } }
        let fixture = try await GatewayFixture([provider]) { $0.server.stallTimeout = 0.3 }
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.stopReading()
            try await client.send(self.get(fixture.path(of: download), GatewayFixture.adminKey, "X-Request-Id: st\r\n"))
            let entry = try await fixture.logEntry(of: "st")
            #expect(entry.outcome == .clientGone)
            #expect(body.pulled < size / 4)
            await client.close()
        }
    }

    // MARK: Framing

    @Test func answersToHeadHaveNoBody() async throws {
        let (fixture, _, path) = try await self.fixture(.pattern(100))
        try await fixture.live { port in
            // A body after any of these would be taken for the head of the next answer.
            for target in [path, "/v1/downloads", "/unknown", path + "?x=1", "/healthz"] {
                let client = try await RawClient.connect(port)
                let head = "HEAD \(target) HTTP/1.1\r\nHost: localhost\r\nX-API-Key: \(GatewayFixture.adminKey)\r\n\r\n"
                try await client.send(head)
                try await eventually("the head is there") { client.answer.isHeadComplete }
                try await client.send(self.closing("/v1/providers", "after"))
                let answer = try await client.answerToEnd()
                #expect(RawAnswer(answer.body).status == 200, "\(target)")
                #expect(String(decoding: answer.body, as: UTF8.self).hasPrefix("HTTP/1.1 200"), "\(target)")
            }
        }
    }

    @Test func aHeadOfAFileTellsItsLength() async throws {
        let (fixture, _, path) = try await self.fixture(.pattern(100))
        try await fixture.live { port in
            let request = self.closing(path, "h").replacing("GET ", with: "HEAD ")
            let answer = try await RawClient.exchange(port, request)
            #expect(answer.values("Content-Length") == ["100"])
            #expect(answer.body.isEmpty)
        }
    }

    @Test func aConnectionServesOneRequestAfterTheOther() async throws {
        let (fixture, _, path) = try await self.fixture(.pattern(100))
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.send(
                self.get("/unknown") + self.get("/v1/downloads?limit=0") + self.closing(path, "third")
            )
            let text = String(decoding: try await client.answerToEnd().bytes, as: UTF8.self)
            #expect(
                text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) } == ["404", "400", "200"]
            )
            #expect(try await fixture.logEntry(of: "third").outcome == .complete)
        }
    }
}
