// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

/// A client that waits to be told to send its JSON (RFC 9110, 10.1.1).
@Suite struct ExpectationTests {
    private static func head(_ target: String, _ length: Int, _ fields: String = "Expect: 100-continue\r\n") -> String {
        "POST \(target) HTTP/1.1\r\nHost: x\r\nX-API-Key: \(GatewayFixture.adminKey)\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(length)\r\n\(fields)\r\n"
    }

    @Test(arguments: [
        ("/v1/keys", #"{"name": "x", "scopes": ["admin"]}"#, 201),
        ("/v1/downloads", #"{"url": 5}"#, 400),
    ])
    func itIsToldToSendItsJSON(_ target: String, _ body: String, _ status: Int) async throws {
        try await JobFixture.run { jobs in
            try await jobs.gateway.live { port in
                let client = try await RawClient.connect(port)
                try await client.send(Self.head(target, body.utf8.count))
                try await eventually("it may go on") { client.answer.isHeadComplete }
                #expect(client.answer.head == "HTTP/1.1 100 Continue")
                try await client.send(body)
                try await eventually("it is answered") { RawAnswer(client.answer.body).isWhole }
                #expect(RawAnswer(client.answer.body).status == status)
                await client.close()
            }
        }
    }

    /// What was not asked for need not come: the connection is of no more use.
    @Test func aBodyThatWouldBeTooLongIsNotAskedFor() async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let answer = try await RawClient.exchange(port, Self.head("/v1/keys", JSONBody.longest + 1))
            #expect(answer.status == 413 && answer.isWhole)
            #expect(answer.values("Connection") == ["close"])
        }
    }

    /// Who sends it anyhow is answered, and may go on.
    @Test func aBodyThatIsTooLongIsRefusedBeforeItIsRead() async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let client = try await RawClient.connect(port)
            try await client.send(Self.head("/v1/keys", JSONBody.longest + 1, ""))
            try await eventually("it is refused") { client.answer.isWhole }
            #expect(client.answer.status == 413 && client.answer.values("Connection") == [])
            try await client.send(Array(repeating: UInt8(ascii: " "), count: JSONBody.longest + 1))
            try await client.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let answers = try await client.answerToEnd()
            #expect(String(decoding: answers.bytes, as: UTF8.self).contains("HTTP/1.1 200 OK"))
        }
    }
}
