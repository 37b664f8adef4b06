// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct RedirectTests {
    /// Answers `/to?…` with a redirect to the percent-encoded target, everything else with what was asked.
    private static func redirecting(status: String, to location: String) -> RawServer.Script {
        { connection in
            let request = try await connection.readHead()
            let body = try await connection.readBody(of: request)
            if request.line.contains(" /start") {
                try await connection.send("HTTP/1.1 \(status)\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
            } else {
                let text = "\(request.line)|\(String(buffer: body))"
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
            }
        }
    }

    @Test(arguments: [
        ("301 Moved", "POST", "GET /end HTTP/1.1|"), ("302 Found", "POST", "GET /end HTTP/1.1|"),
        ("303 See Other", "POST", "GET /end HTTP/1.1|"), ("303 See Other", "PUT", "GET /end HTTP/1.1|"),
        ("301 Moved", "PUT", "PUT /end HTTP/1.1|body"), ("302 Found", "DELETE", "DELETE /end HTTP/1.1|body"),
        ("307 Temporary", "POST", "POST /end HTTP/1.1|body"), ("308 Permanent", "PUT", "PUT /end HTTP/1.1|body"),
    ])
    func theMethodChangesByTheRulesOfRFC9110(status: String, method: String, expected: String) async throws {
        try await withServer(script: Self.redirecting(status: status, to: "/end")) { client, server in
            var request = TransferRequest(
                url: server.url("/start"),
                body: .bytes(ByteBuffer(string: "body")),
                maxRedirects: 1
            )
            request.method = HTTPRequest.Method(method)!
            request.headers[.contentType] = "text/plain"
            let response = try await client.execute(request)
            #expect(try await String(buffer: response.body.collect(upTo: 100)) == expected)
            #expect(response.url == server.url("/end"))
            let keepsBody = expected.hasSuffix("body")
            #expect(server.requests.last?.values("content-type") == (keepsBody ? ["text/plain"] : []))
        }
    }

    @Test func headStaysHeadAfterSeeOther() async throws {
        try await withServer(script: Self.redirecting(status: "303 See Other", to: "/end")) { client, server in
            let request = TransferRequest(method: .head, url: server.url("/start"), maxRedirects: 1)
            let status = try await client.execute(request).status
            #expect(status == 200)
            #expect(server.requests.last?.line == "HEAD /end HTTP/1.1")
        }
    }

    @Test func withoutPermissionARedirectIsAnsweredAsItIs() async throws {
        try await withServer(script: Self.redirecting(status: "302 Found", to: "/end")) { client, server in
            let response = try await client.execute(TransferRequest(url: server.url("/start")))
            #expect(response.status == 302)
            #expect(response.headers[.location] == "/end")
        }
    }

    @Test(arguments: ["300 Multiple", "304 Not Modified", "305 Use Proxy", "306 Unused"])
    func statusesThatNameNoTargetAreNotFollowed(status: String) async throws {
        try await withServer(script: Self.redirecting(status: status, to: "/end")) { client, server in
            let response = try await client.execute(TransferRequest(url: server.url("/start"), maxRedirects: 5))
            #expect("\(response.status)" == status.prefix(3))
        }
    }

    @Test func aLoopEndsAtTheLimit() async throws {
        try await withServer(script: Self.redirecting(status: "302 Found", to: "/start")) { client, server in
            await expectFailure(.tooManyRedirects) {
                _ = try await client.execute(TransferRequest(url: server.url("/start"), maxRedirects: 3))
            }
            #expect(server.requests.count == 4)
        }
    }

    @Test func aRedirectWithoutTargetIsRefused() async throws {
        try await withServer { connection in
            try await connection.answer("302 Found")
        } test: { client, server in
            await expectFailure(.tooManyRedirects) {
                _ = try await client.execute(TransferRequest(url: server.url(), maxRedirects: 3))
            }
        }
    }

    @Test(arguments: [
        "ftp://127.0.0.1/", "file:///etc/passwd", "http://user:pw@127.0.0.1/", "http://", "gopher://x/", "http:\\\\x",
    ])
    func aTargetThatMayNotBeAskedIsRefused(location: String) async throws {
        try await withServer(script: Self.redirecting(status: "302 Found", to: location)) { client, server in
            await expectFailure(.invalidURL) {
                _ = try await client.execute(TransferRequest(url: server.url("/start"), maxRedirects: 3))
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [
        ("end", "/end"), ("./x/../end", "/end"), ("?q=1", "/start?q=1"), ("/a b", "/a%20b"),
        ("/caf\u{e9}", "/caf%c3%a9"),
        ("/end#fragment", "/end"),
    ])
    func relativeTargetsAreJoined(location: String, path: String) throws {
        let base = try TargetURL("http://example.org/start")
        #expect(try TargetURL(location, from: base).text == "http://example.org\(path)")
    }

    @Test func aStreamedBodyIsNotSentTwice() async throws {
        try await withServer(script: Self.redirecting(status: "307 Temporary", to: "/end")) { client, server in
            let body = TransferRequestBody.stream(length: 2, Pieces([ByteBuffer(string: "ab")]))
            await expectFailure(.tooManyRedirects) {
                let request = TransferRequest(method: .put, url: server.url("/start"), body: body, maxRedirects: 3)
                _ = try await client.execute(request)
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test func fromHTTPSToHTTPIsRefused() throws {
        let hop = try Hop(TransferRequest(url: "https://example.org/a", maxRedirects: 3))
        do throws(TransferError) {
            _ = try hop.next(status: 302, location: "http://other.org/b")
            Issue.record("a downgrade was followed")
        } catch {
            #expect(error.kind == .addressRefused(reason: "downgrade"))
        }
    }

    @Test func litellmCVE_2024_6587_credentialsStayWithTheirOrigin() async throws {
        let foreign = try await RawServer.start { connection in
            try await connection.answer(body: "taken")
        }
        try await withServer(script: Self.redirecting(status: "307 Temporary", to: foreign.url("/end"))) {
            client,
            server in
            var request = TransferRequest(url: server.url("/start"), maxRedirects: 3)
            request.trustedOrigin = Origin(of: server.url())
            request.credentials = [.authorization: "Bearer secret", HTTPField.Name("X-API-Key")!: "secret"]
            request.headers = [.cookie: "a=b", HTTPField.Name("X-Plain")!: "seen by all"]
            _ = try await client.execute(request).body.collect(upTo: 100)
            #expect(server.requests.first?.values("x-api-key") == ["secret"])
            #expect(server.requests.first?.values("authorization") == ["Bearer secret"])
            #expect(foreign.requests.count == 1)
            for name in ["authorization", "x-api-key", "cookie"] {
                #expect(foreign.requests.first?.values(name) == [])
            }
            #expect(foreign.requests.first?.values("x-plain") == ["seen by all"])
        }
        await foreign.shutdown()
    }

    @Test func credentialsAreNotSentAgainAfterAForeignHostSentUsBack() async throws {
        let home = RawBox<String>("")
        let foreign = try await RawServer.start { connection in
            try await connection.answer("302 Found", headers: ["Location: \(home.value)"])
        }
        try await withServer(script: Self.redirecting(status: "302 Found", to: foreign.url("/end"))) { client, server in
            home.value = server.url("/back")
            var request = TransferRequest(url: server.url("/start"), maxRedirects: 3)
            request.trustedOrigin = Origin(of: server.url())
            request.credentials = [.authorization: "Bearer secret"]
            _ = try await client.execute(request).body.collect(upTo: 100)
            #expect(server.requests.map { $0.values("authorization") } == [["Bearer secret"], []])
        }
        await foreign.shutdown()
    }

    @Test func credentialsAreNotSentToAnOriginThatWasNotNamed() async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            for trusted in [nil, Origin(of: "http://127.0.0.1:1/"), Origin(of: "https://127.0.0.1:\(server.port)/")] {
                var request = TransferRequest(url: server.url())
                request.trustedOrigin = trusted
                request.credentials = [.authorization: "Bearer secret"]
                _ = try await client.execute(request).body.collect(upTo: 100)
            }
            #expect(server.requests.map { $0.values("authorization") } == [[], [], []])
        }
    }

    @Test func eachHopIsJudgedAnew() async throws {
        let inner = try await RawServer.start { connection in try await connection.answer(body: "secret") }
        let policy = EgressPolicy()
        try await withServer(egress: policy, script: Self.redirecting(status: "302 Found", to: inner.url("/end"))) {
            client,
            server in
            var request = TransferRequest(url: server.url("/start"), maxRedirects: 3)
            request.trustedOrigin = Origin(of: server.url())
            await expectFailure(.addressRefused(reason: "loopback")) { _ = try await client.execute(request) }
            #expect(inner.connectionCount == 0)
        }
        await inner.shutdown()
    }
}
