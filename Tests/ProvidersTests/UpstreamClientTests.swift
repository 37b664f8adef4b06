// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing
import Transfer

@testable import Providers

/// What every adapter does the same, shown on one that reads its bytes directly.
@Suite struct UpstreamClientTests {
    private func reference(_ provider: any Provider) -> DownloadReference {
        DownloadReference(provider: provider.id, session: "s", item: "d:1")
    }

    private func content(
        _ answer: ScriptedAnswer,
        _ request: ContentRequest = ContentRequest(),
        _ body: (Content) async throws -> Void
    ) async throws {
        try await withScripted("browserbase", answer: { _, _ in answer }) { (provider, _) async throws in
            try await body(try await provider.content(of: self.reference(provider), request))
        }
    }

    @Test(arguments: ["anchor", "browserbase", "hoody", "notte", "vagon"])
    func aWebPageIsNoList(_ kind: String) async throws {
        try await withScripted(kind, answer: { _, _ in .html() }) { (provider, _) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: "1")) }?.kind == .malformedResponse)
            #expect(await failure { try await provider.sessions(limit: 5) }?.kind == .malformedResponse)
            #expect(await failure { try await provider.check() }?.kind == .malformedResponse)
        }
    }

    @Test(
        arguments: ["anchor", "browserbase", "hoody", "notte", "vagon"],
        ["{}", "[1]", "nul", "{\"files\":{}}", "", "\"x\""]
    )
    func anAnswerWithoutItsEnvelopeIsNeverAnEmptyList(_ kind: String, _ body: String) async throws {
        try await withScripted(kind, answer: { _, _ in .json(body) }) { (provider, _) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: "1")) }?.kind == .malformedResponse)
        }
    }

    @Test(arguments: ["anchor", "browserbase", "hoody", "notte", "vagon"], [401, 429, 500, 503, 504])
    func anEchoedSecretIsNotShown(_ kind: String, _ status: Int) async throws {
        let secrets = defaultCredential(kind).fields.values.map { $0.reveal() }.joined(separator: " ")
        let echo = #"{"message":"bad \#(secrets) at https://h/?s=1"}"#
        try await withScripted(kind, answer: { _, _ in .json(echo, status: status) }) { (provider, _) async throws in
            let error = try #require(await failure { try await provider.list(ListQuery(session: "1")) })
            #expect(!"\(error)".contains("very_secret"))
            #expect(!"\(error)".contains("?s=1"))
        }
    }

    @Test func notesOnlyWhereDecodingFailed() async throws {
        let body = #"{"downloads":[{"id":"1","filename":{"key":"key_very_secret"}}]}"#
        try await withScripted("browserbase", answer: { _, _ in .json(body) }) { (provider, _) async throws in
            let error = await failure { try await provider.list(ListQuery(session: "1")) }
            #expect(error?.kind == .malformedResponse)
            #expect(error?.cause?.contains("downloads.0.filename") == true)
        }
    }

    @Test func aShortBodyIsAnError() async throws {
        var answer = ScriptedAnswer.bytes("abc")
        answer.promisedLength = 5
        try await self.content(answer) { (content) async throws in
            #expect(content.length == 5)
            let error = await failure { try await text(of: content) }
            #expect(error?.kind == .unavailable)
            #expect(error?.retry == .now)
        }
    }

    @Test func aRangeIsPassedOnAndItsAnswerRead() async throws {
        let part = ScriptedAnswer.bytes("bcd", status: 206, [("Content-Range", "bytes 1-3/9")])
        try await self.content(part, ContentRequest(range: .bounded(first: 1, last: 3))) { (content) async throws in
            #expect(content.range == 1...3)
            #expect(content.length == 3)
            #expect(content.totalSize == 9)
            #expect(try await text(of: content) == "bcd")
        }
        try await self.content(.bytes("abc"), ContentRequest(range: .suffix(1))) { (content) async throws in
            #expect(content.range == nil)
            #expect(content.length == 3)
        }
    }

    @Test func aRangeBeyondTheEndSaysTheSize() async throws {
        let refusal = ScriptedAnswer.bytes("", status: 416, [("Content-Range", "bytes */9")])
        let error = await failure { try await self.content(refusal, ContentRequest(range: .from(10))) { _ in } }
        #expect(error?.kind == .rangeNotSatisfiable(size: 9))
    }

    @Test func aPartThatNobodyAskedForIsMalformed() async throws {
        let part = ScriptedAnswer.bytes("bcd", status: 206, [("Content-Range", "bytes 1-3/9")])
        #expect(await failure { try await self.content(part) { _ in } }?.kind == .malformedResponse)
    }

    @Test func theKeyIsDroppedOnARedirectElsewhere() async throws {
        let other = try await ScriptedUpstream.start { _, _ in .bytes("moved") }
        let target = other.baseURL
        let answer: @Sendable (String, String) -> ScriptedAnswer = { _, _ in
            ScriptedAnswer(status: 302, headers: [("Location", "\(target)/file")])
        }
        try await withScripted("browserbase", answer: answer) { (provider, upstream) async throws in
            let content = try await provider.content(of: self.reference(provider), ContentRequest())
            #expect(try await text(of: content) == "moved")
            #expect(upstream.server.requests.first?.values("X-BB-API-Key") == ["key_very_secret"])
            #expect(other.server.requests.first?.values("X-BB-API-Key") == [])
        }
        await other.stop()
    }

    @Test func anUpstreamThatIsNotThereIsUnavailable() async throws {
        let gone = try await ScriptedUpstream.start { _, _ in .json("{}") }
        let address = gone.baseURL
        await gone.stop()
        let transfer = makeTransfer()
        let provider = try makeProvider(
            "anchor",
            baseURL: address,
            credentials: [defaultCredential("anchor")],
            transfer: transfer
        )
        #expect(await failure { try await provider.check() }?.kind == .unavailable)
        await transfer.shutdown()
    }

    @Test func credentialsTakeTurns() async throws {
        let keys: [ProviderCredential] = [["apiKey": Secret("one")], ["apiKey": Secret("")], ["apiKey": Secret("two")]]
        try await withScripted("browserbase", credentials: keys, answer: { _, _ in .json("[]") }) {
            provider,
            upstream in
            for _ in 1...4 { try await provider.check() }
            #expect(upstream.server.requests.flatMap { $0.values("X-BB-API-Key") } == ["one", "two", "one", "two"])
        }
    }
}
