// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers
import Simulators
import Testing

@testable import Providers

/// How many requests a call costs with several credentials, and what their answers mean.
@Suite struct CredentialCallTests {
    /// Answers in order, the last one for ever.
    private final class Script: Sendable {
        private let answers: NIOLockedValueBox<[ScriptedAnswer]>

        init(_ answers: [ScriptedAnswer]) { self.answers = NIOLockedValueBox(answers) }

        @Sendable func next(_ line: String, _ base: String) -> ScriptedAnswer {
            self.answers.withLockedValue { $0.count > 1 ? $0.removeFirst() : $0.first ?? .json("{}") }
        }
    }

    private static func credentials(_ kind: String, _ count: Int) -> [ProviderCredential] {
        (1...count).map { number in
            ProviderCredential(
                fields: defaultCredential(kind).fields.mapValues { Secret("\($0.reveal())_\(number)") }
            )
        }
    }

    private static func refusal(_ status: Int, _ headers: [(String, String)] = []) -> ScriptedAnswer {
        ScriptedAnswer(status: status, headers: [("Content-Type", "application/json")] + headers, body: "{}")
    }

    /// Runs `body` with Browserbase and so many credentials, below retries that pass the time.
    private func retrying(
        _ count: Int,
        _ answers: [ScriptedAnswer],
        _ body: (any Provider, ScriptedUpstream, TestClock) async throws -> Void
    ) async throws {
        let clock = TestClock()
        let credentials = Self.credentials("browserbase", count)
        let policy = RetryPolicy(random: { 0 }, sleep: { clock.advance(by: $0 / .seconds(1)) })
        try await withScripted(
            "browserbase",
            credentials: credentials,
            now: { clock.now },
            answer: Script(answers).next
        ) { (provider, upstream) async throws in
            try await body(RetryingProvider(provider, policy: policy), upstream, clock)
        }
    }

    @Test(
        arguments: [
            // Each credential once, and no retry can change it.
            (401, nil, 3), (403, nil, 3),
            // All rest for longer than a caller waits.
            (429, nil, 3), (429, "60", 3),
            // All may be tried again within a caller's patience: credentials times tries.
            (429, "1", 9),
            // Not the credential's fault: one request for each try.
            (503, nil, 3), (500, nil, 3),
            (404, nil, 1),
        ] as [(Int, String?, Int)]
    )
    func aCallIsBounded(_ status: Int, _ wait: String?, _ requests: Int) async throws {
        let headers = wait.map { [("Retry-After", $0)] } ?? []
        try await self.retrying(3, [Self.refusal(status, headers)]) { (provider, upstream, _) async throws in
            #expect(await failure { try await provider.sessions(limit: 5) } != nil)
            #expect(upstream.lines.count == requests)
        }
    }

    @Test func theOnlyCredentialIsWaitedForWhereThatIsShort() async throws {
        let answers = [Self.refusal(429, [("Retry-After", "2")]), .json("[]")]
        try await self.retrying(1, answers) { (provider, upstream, clock) async throws in
            let begin = clock.now
            #expect(try await provider.sessions(limit: 5).isEmpty)
            #expect(upstream.lines.count == 2)
            #expect(clock.now.timeIntervalSince(begin) == 2)
        }
    }

    @Test func nobodyWaitsWhereAnotherCredentialIsFree() async throws {
        let answers = [Self.refusal(429, [("Retry-After", "2")]), .json("[]")]
        try await self.retrying(2, answers) { (provider, upstream, clock) async throws in
            let begin = clock.now
            #expect(try await provider.sessions(limit: 5).isEmpty)
            #expect(upstream.lines.count == 2)
            #expect(clock.now == begin)
        }
    }

    @Test func aLimitIsToldBeforeAnUnknownCredentialAndAfterAForbiddenOne() async throws {
        let limited = Self.refusal(429, [("Retry-After", "60")])
        try await self.retrying(2, [limited, Self.refusal(401)]) { (provider, upstream, _) async throws in
            for requests in [2, 3] {
                let error = await failure { try await provider.check() }
                #expect(error?.kind == .rateLimited && error?.retry == .after(.seconds(60)))
                #expect(upstream.lines.count == requests)
            }
        }
        try await self.retrying(2, [limited, Self.refusal(403)]) { (provider, _, _) async throws in
            let error = await failure { try await provider.check() }
            #expect(error?.kind == .unauthorized && error?.retry == .after(.seconds(60)))
        }
    }

    @Test(arguments: [
        (400, 401, 2), (200, 401, 2), (400, 403, 2), (200, 403, 2), (400, 429, 2), (200, 429, 2),
        (400, 4710, 1), (200, 4710, 1), (400, 480, 1), (403, 4110, 1), (400, 404, 1),
    ])
    func vagonsOwnCodeDecides(_ status: Int, _ code: Int, _ requests: Int) async throws {
        let good = #"{"client_code":200,"machines":[],"count":0,"page":1,"next_page":null}"#
        let script = Script([.json(#"{"client_code":\#(code),"message":"x"}"#, status: status), .json(good)])
        try await withScripted("vagon", credentials: Self.credentials("vagon", 2), answer: script.next) {
            (provider, upstream) async throws in
            #expect((await failure { try await provider.check() } == nil) == (requests == 2))
            #expect(upstream.lines.count == requests)
            let keys = upstream.server.requests.compactMap {
                $0.values("Authorization").first?.split(separator: ":").first
            }
            #expect(keys == ["HMAC ak_very_secret_1", "HMAC ak_very_secret_2"].prefix(requests).map { $0[...] })
        }
    }

    @Test func aRequestWithABodyIsSentAgainWithTheSameBody() async throws {
        let link = #"{"client_code":200,"download_url":"http://127.0.0.1:1/"}"#
        let script = Script([.json(#"{"client_code":401}"#, status: 401), .json(link)])
        try await withScripted("vagon", credentials: Self.credentials("vagon", 2), answer: script.next) {
            (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: nil, item: "f:7")
            _ = await failure { try await provider.content(of: reference, ContentRequest()) }
            #expect(upstream.lines == Array(repeating: "POST /organization-management/v1/files/download", count: 2))
            #expect(upstream.server.requests.map { $0.values("Content-Length") } == [["16"], ["16"]])
        }
    }

    @Test func hoodysRefusalUnderASuccessDecides() async throws {
        let script = Script([
            .json(#"{"success":false,"error":"ACCESS_FORBIDDEN"}"#),
            ScriptedAnswer(headers: [("Content-Type", "application/json"), ("ETag", "\"1\"")], body: "[1]"),
        ])
        try await withScripted("hoody", credentials: Self.credentials("hoody", 2), answer: script.next) {
            (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: nil, item: "p:a.json")
            let content = try await provider.content(of: reference, ContentRequest())
            #expect(try await text(of: content) == "[1]")
            #expect(
                upstream.server.requests.map { $0.values("Authorization") } == [
                    ["Bearer token_very_secret_1"], ["Bearer token_very_secret_2"],
                ]
            )
        }
    }

    @Test func litellmCVE_2024_6587_noTryTakesACredentialElsewhere() async throws {
        let other = try await ScriptedUpstream.start { _, _ in .bytes("moved") }
        let moved = ScriptedAnswer(status: 302, headers: [("Location", "\(other.baseURL)/file")])
        let script = Script([Self.refusal(401), Self.refusal(429), moved])
        let credentials = Self.credentials("browserbase", 3)
        try await withScripted("browserbase", credentials: credentials, answer: script.next) {
            (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "d:1")
            let content = try await provider.content(of: reference, ContentRequest())
            #expect(try await text(of: content) == "moved")
            let keys = upstream.server.requests.flatMap { $0.values("X-BB-API-Key") }
            #expect(keys == (1...3).map { "key_very_secret_\($0)" })
            #expect(other.server.requests.map { $0.values("X-BB-API-Key") } == [[]])
            #expect(other.server.requests.allSatisfy { $0.values("Authorization").isEmpty })
        }
        await other.stop()
    }

    @Test(arguments: [401, 403, 429]) func aStoresRefusalIsNotTheCredentials(_ status: Int) async throws {
        let store = try await ScriptedUpstream.start { _, _ in Self.refusal(status) }
        let target = store.baseURL
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, _ in
            line.hasSuffix("/sessions?status=RUNNING")
                ? .json("[]") : ScriptedAnswer(status: 302, headers: [("Location", "\(target)/file")])
        }
        let credentials = Self.credentials("browserbase", 2)
        try await withScripted("browserbase", credentials: credentials, answer: answer) {
            (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "d:1")
            let error = await failure { try await provider.content(of: reference, ContentRequest()) }
            #expect(error?.kind == (status == 429 ? .rateLimited : .upstream(status: status)))
            #expect(store.lines.count == 1)
            for _ in 1...2 { try await provider.check() }
            // Both still have their turns.
            let keys = upstream.server.requests.flatMap { $0.values("X-BB-API-Key") }
            #expect(keys == ["key_very_secret_1", "key_very_secret_2", "key_very_secret_1"])
        }
        await store.stop()
    }
}
