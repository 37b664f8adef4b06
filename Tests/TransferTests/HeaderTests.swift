// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import Simulators
import Testing

@testable import Transfer

@Suite(.timeLimit(.minutes(2)))
struct HeaderTests {
    @Test func fieldsAreSentAsGivenAndNothingIsAdded() async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            var request = TransferRequest(url: server.url())
            request.headers = [.accept: "application/zip", .userAgent: "sluice/1", HTTPField.Name("X-Empty")!: ""]
            request.headers.append(HTTPField(name: HTTPField.Name("X-Two")!, value: "1"))
            request.headers.append(HTTPField(name: HTTPField.Name("X-Two")!, value: "2"))
            _ = try await client.execute(request)
            let sent = try #require(server.requests.first)
            let names = Set(sent.headers.map { $0.name.lowercased() })
            #expect(names == ["host", "accept", "user-agent", "x-empty", "x-two", "accept-encoding"])
            #expect(sent.values("x-two") == ["1", "2"])
            #expect(sent.values("x-empty") == [""])
            #expect(sent.values("host") == ["127.0.0.1:\(server.port)"])
        }
    }

    @Test func aCredentialReplacesAFieldOfItsName() async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            var request = TransferRequest(url: server.url(), trustedOrigin: Origin(of: server.url()))
            request.headers = [.authorization: "other"]
            request.credentials = [.authorization: "Bearer right"]
            _ = try await client.execute(request)
            #expect(server.requests.first?.values("authorization") == ["Bearer right"])
        }
    }

    @Test(arguments: [
        "Host", "content-length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "TE", "Trailer", "Keep-Alive",
        "Proxy-Authorization", "Proxy-Connection",
    ])
    func fieldsOfTheFramingMayNotBeSet(name: String) async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            for isCredential in [false, true] {
                var request = TransferRequest(url: server.url())
                let fields: HTTPFields = [HTTPField.Name(name)!: "1"]
                if isCredential { request.credentials = fields } else { request.headers = fields }
                await expectFailure(.malformed) { _ = try await client.execute(request) }
            }
            #expect(server.connectionCount == 0)
        }
    }

    @Test(arguments: ["a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rb", "a\0b"])
    func swiftNIO_GHSA_cq87_8r7h_962v_aValueCannotBreakItsLine(value: String) async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            let field = HTTPField(name: HTTPField.Name("X-Value")!, lenientValue: value.utf8)
            var request = TransferRequest(url: server.url())
            request.headers.append(field)
            // The field's type has put spaces in their place; were it to change, the transfer refuses.
            _ = try await client.execute(request)
            let sent = try #require(server.requests.first)
            #expect(sent.values("x-value").count == 1)
            #expect(sent.values("x-injected") == [])
            #expect(!sent.headers.contains { $0.value.contains(where: \.isNewline) || $0.value.contains("\0") })
        }
    }

    @Test(arguments: ["/a b", "/\r\nX-Injected: 1", "/a\u{7f}", "/\u{0}"])
    func swiftNIO_GHSA_cq87_8r7h_962v_aTargetCannotBreakItsLine(path: String) async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            await expectFailure(.invalidURL) { _ = try await client.execute(TransferRequest(url: server.url(path))) }
            #expect(server.connectionCount == 0)
        }
    }

    @Test func connectIsNoMethodOfATransfer() async throws {
        try await withServer { connection in
            try await connection.answer()
        } test: { client, server in
            await expectFailure(.malformed) {
                _ = try await client.execute(TransferRequest(method: .connect, url: server.url()))
            }
        }
    }

    @Test func repeatedAndForeignFieldsOfAnAnswerAreKept() async throws {
        try await withServer { connection in
            try await connection.answer(headers: [
                "Set-Cookie: a=1", "Set-Cookie: b=2", "x-name:  caf\u{e9} \t", "X-None:",
            ])
        } test: { client, server in
            let response = try await client.execute(TransferRequest(url: server.url()))
            #expect(response.headers[values: .setCookie] == ["a=1", "b=2"])
            #expect(response.headers[HTTPField.Name("X-Name")!] == "caf\u{e9}")
            #expect(response.headers[HTTPField.Name("X-None")!] == "")
        }
    }

    @Test func cookiesOfAnAnswerAreNotSentBack() async throws {
        try await withServer { connection in
            for _ in 0..<2 { try await connection.answer(headers: ["Set-Cookie: a=1; Path=/"]) }
        } test: { client, server in
            for _ in 0..<2 { _ = try await client.execute(TransferRequest(url: server.url())).body.collect(upTo: 9) }
            #expect(server.requests.map { $0.values("cookie") } == [[], []])
        }
    }

    @Test func anErrorTellsNothingOfQueryOrHeaders() async throws {
        try await withServer { connection in
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nBad secret-value\r\n\r\n")
        } test: { client, server in
            var request = TransferRequest(
                url: server.url("/p?token=secret-query"),
                trustedOrigin: Origin(of: server.url())
            )
            request.credentials = [.authorization: "secret-key"]
            do {
                _ = try await client.execute(request)
                Issue.record("was accepted")
            } catch {
                #expect(!"\(error)".contains("secret"))
            }
        }
    }
}
