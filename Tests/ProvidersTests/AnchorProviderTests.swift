// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing

@testable import Providers

@Suite struct AnchorProviderTests {
    @Sendable private static func answer(_ line: String, _ base: String) -> ScriptedAnswer {
        switch line {
        case "GET /v1/sessions/s1/downloads":
            return .json(
                """
                {"data":{"count":3,"items":[
                 {"id":"9e1d","file_link":"\(base)/sessions/s1/downloads/9e1d/fetch?sig=1","size":5,"duration":420,
                  "original_download_url":"https://files.example/d.doc","origin_url":"https://page.example/",
                  "suggested_file_name":"document (2).doc","original_file_name":"document.doc",
                  "created_at":"2025-01-18T03:34:56.043Z"},
                 {"file_link":"\(base)/other?sig=2","original_file_name":"b.pdf","size":-1},
                 {"suggested_file_name":"nowhere.txt"}]}}
                """
            )
        case "GET /sessions/s1/downloads/9e1d/fetch?sig=1": return .bytes("bytes")
        case "GET /v1/sessions/foreign/downloads":
            let port = (base.split(separator: ":").last.flatMap { Int($0) } ?? 0)
            return .json(#"{"data":{"items":[{"id":"1","file_link":"http://localhost:\#(port)/stolen"}]}}"#)
        case let line where line.hasPrefix("GET /v1/sessions?"):
            return .json(
                #"{"data":{"sessions":[{"id":"a","created_at":"2025-01-01T00:00:00Z"},{"id":"b"}],"total_pages":1}}"#
            )
        default: return .json(#"{"error":{"code":404,"message":"Session not found"}}"#, status: 404)
        }
    }

    @Test func mapsEveryField() async throws {
        try await withScripted("anchor", answer: Self.answer) { (provider, _) async throws in
            let downloads = try await provider.list(ListQuery(session: "s1")).items
            #expect(downloads.count == 2)
            let first = try #require(downloads.first)
            #expect(first.reference.item == "a:9e1d")
            #expect(first.reference.session == "s1")
            #expect(first.name == "document (2).doc")
            #expect(first.mimeType == "application/msword")
            #expect(first.size == 5)
            #expect(first.createdAt == RFC3339.parse("2025-01-18T03:34:56.043Z"))
            #expect(first.sourceURL == "https://files.example/d.doc")
            #expect(first.pageURL == "https://page.example/")
            #expect(first.native["duration"] == 420)
            #expect(!"\(first.native)".contains("sig="))
            let second = try #require(downloads.last)
            #expect(second.name == "b.pdf")
            #expect(second.size == nil)
            #expect(second.reference.item.hasPrefix("l:"))
            #expect(try await provider.download(second.reference) == second)
        }
    }

    @Test func opensTheLinkOfNowWithTheKey() async throws {
        try await withScripted("anchor", answer: Self.answer) { (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s1", item: "a:9e1d")
            let content = try await provider.content(of: reference, ContentRequest())
            #expect(content.length == 5)
            #expect(try await text(of: content) == "bytes")
            #expect(upstream.server.requests.last?.values("anchor-api-key") == ["key_very_secret"])
        }
    }

    @Test func litellmCVE_2024_6587_keyNeverLeavesItsOrigin() async throws {
        try await withScripted("anchor", answer: Self.answer) { (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: "foreign", item: "a:1")
            _ = await failure { try await provider.content(of: reference, ContentRequest()) }
            let stolen = upstream.server.requests.filter { $0.line.contains("/stolen") }
            #expect(stolen.allSatisfy { $0.values("anchor-api-key").isEmpty })
        }
    }

    @Test func asksForTheNewestSessionsFirst() async throws {
        try await withScripted("anchor", answer: Self.answer) { (provider, upstream) async throws in
            #expect(try await provider.sessions(limit: 10).map(\.id) == ["a", "b"])
            #expect(upstream.lines == ["GET /v1/sessions?page=1&limit=50&sort_order=desc"])
        }
    }

    @Test func anUnknownSessionIsNotFound() async throws {
        try await withScripted("anchor", answer: Self.answer) { (provider, _) async throws in
            let error = await failure { try await provider.list(ListQuery(session: "gone")) }
            #expect(error?.kind == .notFound)
            #expect(error?.message == "The upstream answered 404: Session not found")
        }
    }

    @Test(arguments: [
        "{}", "[]", #"{"data":{}}"#, #"{"data":{"count":0}}"#, #"{"data":null}"#, "{\"data\":{\"items\":[",
    ])
    func withoutItsEnvelopeAnAnswerIsMalformed(_ body: String) async throws {
        try await withScripted("anchor", answer: { _, _ in .json(body) }) { (provider, _) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: "s1")) }?.kind == .malformedResponse)
        }
    }

    @Test func aFileThatIsNotStoredYetIsNotReady() async throws {
        try await withScripted("anchor", answer: { _, _ in .json(#"{"data":{"items":[{"id":"1"}]}}"#) }) {
            provider,
            _ in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "a:1")
            #expect(await failure { try await provider.content(of: reference, ContentRequest()) }?.kind == .notReady)
        }
    }
}
