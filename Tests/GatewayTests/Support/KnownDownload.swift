// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

/// A download that is asked for in the same words, over and over, on one connection or another.
struct KnownDownload {
    let provider: FakeProvider
    let download: Download

    init() throws {
        self.provider = try FakeProvider("alpha")
        self.download = self.provider.add("x.bin")
    }

    func fixture(_ configure: (inout Gateway.Configuration) -> Void = { _ in }) async throws -> GatewayFixture {
        try await GatewayFixture([self.provider], configure: configure)
    }

    func question(_ fixture: GatewayFixture, _ key: String, _ fields: String = "") -> String {
        "GET \(fixture.path(of: self.download)) HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
            + "Authorization: Bearer \(key)\r\n\(fields)\r\n"
    }

    /// Asks, each time when the last answer is there; every answer in turn.
    func ask(_ port: Int, _ questions: [String]) async throws -> [RawAnswer] {
        let client = try await RawClient.connect(port)
        var answers: [RawAnswer] = []
        for question in questions {
            answers.append(try await self.ask(client, question))
        }
        await client.close()
        return answers
    }

    func ask(_ client: RawClient, _ question: String) async throws -> RawAnswer {
        try await self.ask(client, Array(question.utf8))
    }

    func ask(_ client: RawClient, _ question: [UInt8]) async throws -> RawAnswer {
        let before = client.answer.bytes.count
        try await client.send(question)
        var answer = RawAnswer(Data())
        try await eventually("the answer is whole") {
            answer = RawAnswer(Data(client.answer.bytes.dropFirst(before)))
            return answer.isWhole
        }
        return answer
    }

    func expect(
        _ statuses: [Int],
        _ port: Int,
        _ questions: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let answers = try await self.ask(port, questions)
        #expect(answers.map(\.status) == statuses, sourceLocation: sourceLocation)
    }

    func prepared(_ fixture: GatewayFixture) -> Int { fixture.gateway.counts.snapshot.prepared }
}
