// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// What is no HTTP request, or wants to be two: refused in the form of every other problem, and logged.
@Suite struct MalformedRequestTests {
    /// That the answer is a problem with a request id, and the connection is over.
    private func expectRefusal(
        _ answer: RawAnswer,
        of what: String,
        in fixture: GatewayFixture,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(answer.status == 400, "\(what)", sourceLocation: sourceLocation)
        #expect(
            answer.values("Content-Type") == ["application/problem+json"],
            "\(what)",
            sourceLocation: sourceLocation
        )
        #expect(answer.isWhole, "\(what)", sourceLocation: sourceLocation)
        let id = try #require(answer.values("X-Request-Id").first, sourceLocation: sourceLocation)
        let problem = try JSONDecoder().decode(JSONValue.self, from: answer.body)
        #expect(problem["code"] == "INVALID_REQUEST", sourceLocation: sourceLocation)
        #expect(problem["requestId"].text == id, sourceLocation: sourceLocation)
        let entry = try await fixture.logEntry(of: id)
        #expect(entry.status == 400, sourceLocation: sourceLocation)
        #expect(entry.outcome == .refused, sourceLocation: sourceLocation)
        #expect(entry.address != nil, sourceLocation: sourceLocation)
        #expect(entry.bytesOut == Int64(answer.body.count), sourceLocation: sourceLocation)
    }

    /// That the gateway still answers.
    private func expectAlive(_ port: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        #expect(try await RawClient.exchange(port, request).status == 200, sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        "hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ])
    func whatIsNoHTTPIsAProblemToo(_ text: String) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let answer = try await RawClient.exchange(port, text)
            try await self.expectRefusal(answer, of: text, in: fixture)
            try await self.expectAlive(port)
        }
    }

    /// RFC 9112, 3.2: two hosts are two readings of who was asked.
    @Test(arguments: [
        "", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: user@a\r\n",
        "Host: \u{e4}\r\n",
    ])
    func aRequestHasOneHost(_ field: String) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let second = "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: second\r\n\r\n"
            let client = try await RawClient.connect(port)
            try await client.send("GET /healthz HTTP/1.1\r\n\(field)\r\n" + second)
            let answer = try await client.answerToEnd()
            try await self.expectRefusal(answer, of: field, in: fixture)
            let problem = try JSONDecoder().decode(JSONValue.self, from: answer.body)
            #expect(problem["detail"].text?.contains("Host") == true)
            #expect(try await !fixture.log().contains { $0.requestId == "second" })
            try await self.expectAlive(port)
        }
    }

    @Test(arguments: ["1.1\r\nHost: ", "1.1\r\nHost: [::1]:8080", "1.1\r\nHost: a_b.c:80", "1.0", "1.0\r\nHost: a"])
    func aHostMayBeOfAnyForm(_ version: String) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let request = "GET /healthz HTTP/\(version)\r\nConnection: close\r\n\r\n"
            let answer = try await RawClient.exchange(port, request)
            #expect(answer.status == 200)
        }
    }

    /// gunicorn CVE-2024-6827, Kestrel CVE-2025-55315: two readings of where a request ends.
    @Test(arguments: [
        "Content-Length: 4\r\nContent-Length: 5", "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked", "Content-Length: +4", "Content-Length: 4_0", "Content-Length: 4, 4",
    ])
    func gunicornCVE_2024_6827_ambiguousLengthsAreRefused(_ fields: String) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            let smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n"
            try await client.send("POST /v1/keys HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\r\n0\r\n\r\n" + smuggled)
            let answer = try await client.answerToEnd()
            // What is found out after the head, the connection's end says; nothing behind it is read as a request.
            #expect(answer.status == 400 || answer.status == 401, "\(fields)")
            #expect(try await !fixture.log().contains { $0.requestId == "smuggled" }, "\(fields)")
        }
    }

    /// SwiftNIO CVE-2026-28980: no cap on the number of fields let one request end the process.
    @Test(arguments: [101, 1000, 20_000])
    func swiftNIOCVE_2026_28980_aBombOfFieldsIsRefused(_ count: Int) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            let fields = (0..<count).map { "a\($0): b\r\n" }.joined()
            // The gateway may close before it has read all of it.
            try? await client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")
            try await eventually("the connection is closed") { client.isClosed }
            if count == 101 { try await self.expectRefusal(client.answer, of: "\(count) fields", in: fixture) }
            #expect(client.answer.status != 200)
            try await self.expectAlive(port)
        }
    }

    @Test(arguments: [20_000, 1_000_000])
    func aFieldThatIsTooLongIsRefused(_ length: Int) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try? await client.send("GET /healthz HTTP/1.1\r\nA: \(String(repeating: "x", count: length))\r\n\r\n")
            try await eventually("the connection is closed") { client.isClosed }
            #expect(client.answer.status != 200)
            try await self.expectAlive(port)
        }
    }

    @Test func aTargetThatIsTooLongIsAProblem() async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let target = "/v1/downloads?q=" + String(repeating: "x", count: 9000)
            let answer = try await RawClient.exchange(
                port,
                "GET \(target) HTTP/1.1\r\nHost: x\r\nX-API-Key: \(GatewayFixture.adminKey)\r\nConnection: close\r\n\r\n"
            )
            #expect(answer.status == 400)
            #expect(answer.values("Content-Type") == ["application/problem+json"])
        }
    }

    /// Slowloris, CVE-2007-6750: a head that never ends.
    @Test func slowlorisCVE_2007_6750_aHeadThatNeverEndsIsClosed() async throws {
        let fixture = try await GatewayFixture([]) { $0.server.headerTimeout = 1.5 }
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try? await client.send("GET /healthz HTTP/1.1\r\nHost: x\r\nA: ")
            _ = try await client.answerToEnd()
            #expect(client.answer.status != 200)
            try await self.expectAlive(port)
        }
    }

    // MARK: What we emit

    /// CVE-2022-3215: a line break from outside in a field's value made a field, or an answer, of its own.
    @Test func swiftNIOCVE_2022_3215_upstreamsCannotWriteFieldsOfOurs() async throws {
        let provider = try FakeProvider("alpha")
        let evil = "a\r\nSet-Cookie: evil=1\r\n\r\nHTTP/1.1 200 OK\r\n.html"
        let download = provider.add(evil, item: "evil", bytes: Data("body".utf8)) { $0.mimeType = "text/html" }
        provider.script {
            $0.content = { _, _ in
                Content(
                    length: 4,
                    mimeType: "text/plain\r\nX-Evil: 1",
                    validator: "\"\r\nX-Evil: 1\"",
                    body: FakeBody(Data("body".utf8)).body
                )
            }
        }
        let fixture = try await GatewayFixture([provider])
        try await fixture.live { port in
            let request =
                "GET \(fixture.path(of: download)) HTTP/1.1\r\nHost: x\r\nX-API-Key: \(GatewayFixture.adminKey)\r\n"
            let answer = try await RawClient.exchange(port, request + "Connection: close\r\n\r\n")
            #expect(answer.status == 200)
            #expect(answer.values("Set-Cookie") == [])
            #expect(answer.values("X-Evil") == [])
            #expect(answer.body == Data("body".utf8))
            #expect(answer.isWhole)
        }
    }

    @Test func anUpstreamsMalformedTypeDoesNotReachTheHead() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("mystery", bytes: Data("body".utf8))
        provider.script {
            $0.content = { _, _ in
                Content(length: 4, mimeType: "text/plain\r\nX-Evil: 1", body: FakeBody(Data("body".utf8)).body)
            }
        }
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.get, fixture.path(of: download))
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentType].map { $0.contains("\n") || $0.contains("Evil") } == false)
    }

    @Test func aCallersTextComesBackOnlyAsJSON() async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(
            .get,
            "/v1/downloads?%3Cscript%3E=1&provider=%22%0A".replacing("%0A", with: "")
        )
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(Set(answer.problemFields) == ["<script>", "provider"])
        let head = answer.headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
        #expect(!head.contains("script"))
    }
}
