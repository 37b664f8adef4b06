// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

/// What a body in chunks brings along beside its bytes is bounded (security.md, 10).
@Suite struct ChunkExtensionTests {
    private static let head =
        "POST /v1/downloads?provider=web&directory=box&filename=a.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        + "X-API-Key: \(GatewayFixture.adminKey)\r\nContent-Type: application/x-box\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n"

    /// In pieces, as a network brings them.
    private func send(_ text: String, to client: RawClient) async {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty, !client.isClosed {
            // The gateway may close before it has read all of it.
            guard (try? await client.send(Array(rest.prefix(8192)))) != nil else { return }
            rest = rest.dropFirst(8192)
        }
    }

    @Test(arguments: [
        "5;a=\(String(repeating: "x", count: 1_000_000))\r\nbytes\r\n0\r\n\r\n",
        String(repeating: "1;\(String(repeating: "x", count: 500))\r\nX\r\n", count: 2000) + "0\r\n\r\n",
    ])
    func whatCostsMoreThanItBringsIsCut(_ body: String) async throws {
        try await JobFixture.run { jobs in
            try await jobs.gateway.live { port in
                let client = try await RawClient.connect(port)
                try await client.send(Self.head)
                await self.send(body, to: client)
                try await eventually("it is cut") { client.isClosed }
                #expect(client.answer.status != 201)
                #expect(jobs.gateway.gateway.counts.snapshot.refusals == [.malformed: 1])
                #expect(jobs.provider.bytes(named: "a.bin") == nil)
            }
        }
    }

    @Test(arguments: [
        // Chunks of one byte, a long extension, and whole reads of plain bytes.
        (String(repeating: "1\r\nX\r\n", count: 20_000), 20_000),
        ("1;a=\(String(repeating: "x", count: 10_000))\r\nX\r\n", 1),
        ("186a0\r\n\(String(repeating: "X", count: 100_000))\r\n", 100_000),
        (String(repeating: "000000000000000A;a=b\r\nXXXXXXXXXX\r\n", count: 3000), 30_000),
    ])
    func whatIsPlainIsReadToItsEnd(_ chunks: String, _ length: Int) async throws {
        try await JobFixture.run { jobs in
            try await jobs.gateway.live { port in
                let client = try await RawClient.connect(port)
                try await client.send(Self.head)
                await self.send(chunks + "0\r\n\r\n", to: client)
                #expect(try await client.answerToEnd().status == 201)
                #expect(jobs.provider.bytes(named: "a.bin") == Data(repeating: UInt8(ascii: "X"), count: length))
            }
        }
    }

    @Test func aReadThatBroughtAHeadCountsForNothing() {
        var budget = FramingBudget()
        budget.came(100_000)
        budget.bodyBegins()
        #expect(!budget.isSpent)
        budget.came(16_384)
        #expect(!budget.isSpent)
        budget.came(1)
        #expect(budget.isSpent)
        budget.bodyCame(1)
        #expect(!budget.isSpent)
        budget.came(100_000)
        #expect(budget.isSpent)
        budget.bodyEnded()
        #expect(!budget.isSpent)
        budget.came(100_000)
        #expect(!budget.isSpent)
    }
}
