// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

/// The rules of RFC 9112 that the decoder leaves open: how a body ends, and when a connection does.
@Suite struct HTTP1RuleTests {
    private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n"

    private static func answerCount(_ answer: RawAnswer) -> Int {
        String(decoding: answer.bytes, as: UTF8.self).matches(of: #/HTTP/1\.[01] [1-5][0-9][0-9] /#).count
    }

    /// That a request is answered with this alone, and that what comes behind it is no request.
    private func expectRefusal(
        of head: String,
        _ status: Int,
        naming word: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let second = Self.health + "X-Request-Id: second\r\n\r\n"
            let answer = try await RawClient.exchange(port, head + "X-Request-Id: first\r\n\r\n0\r\n\r\n" + second)
            #expect(answer.status == status, "\(head)", sourceLocation: sourceLocation)
            #expect(Self.answerCount(answer) == 1 && answer.isWhole, "\(head)", sourceLocation: sourceLocation)
            #expect(answer.values("Connection") == ["close"], sourceLocation: sourceLocation)
            let problem = try JSONDecoder().decode(JSONValue.self, from: answer.body)
            #expect(problem["detail"].text?.contains(word) == true, sourceLocation: sourceLocation)
            let id = try #require(problem["requestId"].text, sourceLocation: sourceLocation)
            let entry = try await fixture.logEntry(of: id)
            #expect(entry.status == status && entry.code == problem["code"].text, sourceLocation: sourceLocation)
            #expect(try await fixture.log().count == 1, sourceLocation: sourceLocation)
        }
    }

    // MARK: Where a body ends

    /// RFC 9112, 6.3: what does not end in `chunked` has no end that can be told.
    @Test(arguments: [
        "identity", "xchunked", "chunked;a=b", "", "\"chunked\"", "gzip", "identity\r\nTransfer-Encoding: x",
    ])
    func aBodyThatDoesNotEndInOneChunkedIsRefused(_ codings: String) async throws {
        let head = Self.health + "Transfer-Encoding: \(codings)\r\n"
        try await self.expectRefusal(of: head, 400, naming: "Transfer-Encoding")
    }

    /// Those the decoder refuses.
    @Test(arguments: [
        "chunked, identity", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked", ",chunked,",
        "chunked\r\nTransfer-Encoding: identity",
    ])
    func aBodyInTwoKindsOfChunksIsRefused(_ codings: String) async throws {
        try await self.expectRefusal(of: Self.health + "Transfer-Encoding: \(codings)\r\n", 400, naming: "HTTP/1.1")
    }

    /// RFC 9112, 6.1: else bytes would be kept that are still coded.
    @Test(arguments: ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", "identity, Chunked", ",chunked"])
    func anotherCodingBeforeChunkedIsNotSupported(_ codings: String) async throws {
        let head = Self.health + "Transfer-Encoding: \(codings)\r\n"
        try await self.expectRefusal(of: head, 501, naming: "Transfer-Encoding")
    }

    @Test(arguments: ["chunked", "Chunked", " CHUNKED "])
    func chunkedMayBeSpeltInAnyCase(_ codings: String) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let head = Self.health + "Connection: close\r\nTransfer-Encoding:\(codings)\r\n\r\n"
            let answer = try await RawClient.exchange(port, head + "1\r\nX\r\n0\r\n\r\n")
            #expect(answer.status == 200)
        }
    }

    // MARK: HTTP/1.0

    @Test(arguments: ["", "Connection: keep-alive\r\n", "Connection: close\r\n"])
    func aConnectionOfHTTP1_0IsClosedAfterOneAnswer(_ field: String) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let request = "GET /healthz HTTP/1.0\r\n\(field)\r\n"
            let answer = try await RawClient.exchange(port, request + request)
            #expect(answer.status == 200 && answer.isWhole && Self.answerCount(answer) == 1)
            #expect(answer.values("Connection") == ["close"])
        }
    }

    /// RFC 9112, 6.1.
    @Test func chunksOfHTTP1_0AreRefused() async throws {
        let head = "GET /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
        try await self.expectRefusal(of: head, 400, naming: "Transfer-Encoding")
    }

    /// RFC 9112, 6.1: who speaks HTTP/1.0 would take the length of a chunk for a part of the file.
    @Test func anAnswerOfUnknownLengthToHTTP1_0EndsWithTheConnection() async throws {
        let bytes = Data.pattern(50_000)
        let provider = try FakeProvider("alpha")
        let download = provider.add("x.bin", bytes: bytes, size: .some(nil))
        provider.script { $0.content = { _, _ in Content(length: nil, body: FakeBody(bytes).body) } }
        let fixture = try await GatewayFixture([provider])
        try await fixture.live { port in
            let key = "X-API-Key: \(GatewayFixture.adminKey)\r\n"
            let answer = try await RawClient.exchange(
                port,
                "GET \(fixture.path(of: download)) HTTP/1.0\r\n\(key)\r\n"
            )
            #expect(answer.head.hasPrefix("HTTP/1.0 200 OK"))
            #expect(answer.values("Transfer-Encoding") == [] && answer.values("Connection") == ["close"])
            #expect(answer.body == bytes)
        }
    }

    /// The end of the connection would be the end of a whole file.
    @Test(arguments: [true, false])
    func aBrokenBodyOfUnknownLengthIsAResetToHTTP1_0(_ breaks: Bool) async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", size: .some(nil))
        provider.script {
            $0.content = { _, _ in
                Content(length: nil, body: FakeBody(.pattern(100_000), ending: breaks ? .broken : .clean).body)
            }
        }
        let fixture = try await GatewayFixture([provider])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            let key = "X-API-Key: \(GatewayFixture.adminKey)\r\n"
            try await client.send("GET \(fixture.path(of: download)) HTTP/1.0\r\n\(key)\r\n")
            let answer = try await client.answerToEnd()
            #expect(client.wasReset == breaks)
            #expect(breaks || answer.body == .pattern(100_000))
        }
    }

    /// RFC 9110, 10.1.1 and 15.2: HTTP/1.0 has no interim answers.
    @Test func aClientOfHTTP1_0IsNotToldToGoOn() async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let body = #"{"name": "x", "scopes": ["admin"]}"#
            let head =
                "POST /v1/keys HTTP/1.0\r\nX-API-Key: \(GatewayFixture.adminKey)\r\nExpect: 100-continue\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            let answer = try await RawClient.exchange(port, head + body)
            #expect(answer.status == 201 && Self.answerCount(answer) == 1)
        }
    }

    // MARK: Connection

    /// RFC 9110, 7.6.1: a list of options, in any case.
    @Test(arguments: [
        "close", "Close", "CLOSE", "x, close", "close, x", "keep-alive, close", "x\r\nConnection: close",
        "close\r\nConnection: keep-alive", " close ", ",close",
    ])
    func aConnectionIsClosedHoweverThatIsSpelt(_ options: String) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let first = Self.health + "Connection:\(options)\r\n\r\n"
            let answer = try await RawClient.exchange(port, first + Self.health + "\r\n")
            #expect(answer.status == 200 && answer.isWhole && Self.answerCount(answer) == 1)
            #expect(answer.values("Connection") == ["close"])
        }
    }

    @Test func onlyTheLastOfSeveralAnswersSaysThatItIs() async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let last = Self.health + "Connection: Close\r\n\r\n"
            let answer = try await RawClient.exchange(port, Self.health + "\r\n" + Self.health + "\r\n" + last)
            let answers = String(decoding: answer.bytes, as: UTF8.self).components(separatedBy: "HTTP/1.1 200 OK")
            #expect(answers.count == 4 && answers.first == "")
            #expect(answers.dropFirst().map { $0.lowercased().contains("connection: close") } == [false, false, true])
        }
    }

    // MARK: Methods

    /// RFC 9110, 15.6.2; what is no line of a request is malformed, whatever its first word.
    @Test(arguments: [
        ("FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 501), ("get / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("FOO / HTTP/1.1\r\nHo", 501), ("FOO\r\n\r\n", 400), ("FOO /\r\n\r\n", 400), ("F{O / HTTP/1.1\r\n\r\n", 400),
        ("FOO / HTTP/2.0\r\n\r\n", 400), ("FOO", 400),
    ])
    func aMethodThatIsUnknownIsNotSupported(_ text: String, _ status: Int) async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let answer = try await RawClient.exchange(port, text)
            #expect(answer.status == status && answer.isWhole && Self.answerCount(answer) == 1)
            let problem = try JSONDecoder().decode(JSONValue.self, from: answer.body)
            let code: JSONValue = status == 501 ? "NOT_SUPPORTED" : "INVALID_REQUEST"
            #expect(problem["code"] == code && problem["status"] == .integer(Int64(status)))
            let entry = try await fixture.logEntry(of: try #require(problem["requestId"].text))
            #expect(entry.status == status && entry.outcome == .refused)
        }
    }

    @Test func anUnknownMethodOnAConnectionThatWasServedIsNoOtherCase() async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.send(Self.health + "\r\n")
            try await eventually("it is answered") { client.answer.isWhole }
            try await client.send("FOO / HTTP/1.1\r\nHost: x\r\n\r\n")
            let answers = try await client.answerToEnd()
            #expect(String(decoding: answers.bytes, as: UTF8.self).contains("HTTP/1.1 501 Not Implemented"))
        }
    }
}
