// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing
import Transfer

@testable import Providers

@Suite struct BrowserbaseProviderTests {
    private static let digest = String(repeating: "AB", count: 32)
    private static let item = """
        {"id":"11111111-2222-4333-8444-555555555555","sessionId":"s1","filename":"a.pdf","mimeType":"application/pdf",
         "size":5,"checksum":"\(digest)","createdAt":"2026-01-02T03:04:05.678Z"}
        """
    private static let path = "/v1/downloads/11111111-2222-4333-8444-555555555555"

    @Test func mapsEveryFieldAndPages() async throws {
        let body = #"{"downloads":[\#(Self.item)],"total":2,"limit":100,"offset":0}"#
        try await withScripted("browserbase", answer: { _, _ in .json(body) }) { (provider, upstream) async throws in
            let page = try await provider.list(ListQuery(session: "s1"))
            let download = try #require(page.items.first)
            #expect(download.reference.item == "d:11111111-2222-4333-8444-555555555555")
            #expect(download.name == "a.pdf")
            #expect(download.mimeType == "application/pdf")
            #expect(download.size == 5)
            #expect(download.checksum == Self.digest.lowercased())
            #expect(download.createdAt == RFC3339.parse("2026-01-02T03:04:05.678Z"))
            #expect(page.next == PageToken(offset: 1))
            _ = try await provider.list(ListQuery(session: "s1", page: page.next))
            #expect(
                upstream.lines == [
                    "GET /v1/downloads?sessionId=s1&limit=100&offset=0",
                    "GET /v1/downloads?sessionId=s1&limit=100&offset=1",
                ]
            )
            #expect(upstream.server.requests[0].values("Accept") == ["application/json"])
            #expect(upstream.server.requests[0].values("X-BB-API-Key") == ["key_very_secret"])
        }
    }

    /// Names and types are held against ours, which may be derived; and a vendor's times are finer than those that we show.
    @Test func passesOnTheFiltersThatItHoldsAsWeDo() async throws {
        let time = try #require(RFC3339.parse("2026-01-02T03:04:05Z"))
        let filter = DownloadFilter(minSize: 1, maxSize: 9, createdAfter: time, createdBefore: time)
        #expect(BrowserbaseProvider.promises.filters.count == BrowserbaseAPI.query(of: filter).count)
        try await withScripted("browserbase", answer: { _, _ in .json(#"{"downloads":[]}"#) }) {
            (provider, upstream) async throws in
            #expect(try await provider.list(ListQuery(session: "s1", filter: filter)).next == nil)
            #expect(
                upstream.lines.first
                    == "GET /v1/downloads?sessionId=s1&minSize=1&maxSize=9&createdAfter=2026-01-02T03%3A04%3A04.999Z"
                    + "&createdBefore=2026-01-02T03%3A04%3A05.001Z&limit=100&offset=0"
            )
        }
    }

    @Test func acceptDecidesBetweenMetadataAndBytes() async throws {
        try await withScripted(
            "browserbase",
            answer: { line, _ in line.hasPrefix("DELETE") ? ScriptedAnswer(status: 204) : .json(Self.item) }
        ) { (provider, upstream) async throws in
            let item = "d:11111111-2222-4333-8444-555555555555"
            let reference = DownloadReference(provider: provider.id, session: "s1", item: item)
            #expect(try await provider.download(reference).reference == reference)
            _ = try await provider.content(of: reference, ContentRequest(range: .bounded(first: 1, last: 2)))
            try await provider.delete(reference)
            let requests = upstream.server.requests
            #expect(upstream.lines == ["GET \(Self.path)", "GET \(Self.path)", "DELETE \(Self.path)"])
            #expect(requests.map { $0.values("Accept") }[..<2] == [["application/json"], ["application/octet-stream"]])
            #expect(requests[1].values("Range") == ["bytes=1-2"])
            #expect(requests[1].values("Accept-Encoding") == ["identity"])
        }
    }

    @Test func metadataOfAnotherDownloadIsMalformed() async throws {
        try await withScripted("browserbase", answer: { _, _ in .json(Self.item) }) { (provider, _) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s1", item: "d:other")
            #expect(await failure { try await provider.download(reference) }?.kind == .malformedResponse)
        }
    }

    @Test func sessionsAreSortedAndCut() async throws {
        let body =
            #"[{"id":"a","createdAt":"2026-01-01T00:00:00Z"},{"id":"b","createdAt":"2026-01-03T00:00:00Z"},{"id":"c"}]"#
        try await withScripted("browserbase", answer: { _, _ in .json(body) }) { (provider, _) async throws in
            #expect(try await provider.sessions(limit: 2).map(\.id) == ["b", "a"])
        }
    }

    @Test(arguments: [403, 404]) func fallsBackToTheZip(_ status: Int) async throws {
        var zip = ZipBuilder()
        zip.add("report-1719265797164.pdf", Array("report".utf8))
        zip.add("big-1719265797165.txt", Array("bigger text".utf8))
        let bytes = zip.finished()
        let server = try await BinaryUpstream.start { line in
            line.hasPrefix("GET /v1/downloads")
                ? .init(status: status, body: .init(string: "{}")) : .init(status: 200, body: bytes)
        }
        let transfer = makeTransfer()
        let provider = try makeProvider(
            "browserbase",
            baseURL: server.baseURL,
            credentials: [defaultCredential("browserbase")],
            transfer: transfer
        )
        let downloads = try await provider.list(ListQuery(session: "s1", filter: DownloadFilter(minSize: 7))).items
        #expect(downloads.map(\.name) == ["big.txt"])
        let all = try await provider.list(ListQuery(session: "s1")).items
        #expect(all.map(\.name) == ["report.pdf", "big.txt"])
        #expect(all.map(\.size) == [6, 11])
        #expect(all.first?.createdAt?.timeIntervalSince1970 == 1_719_265_797.164)
        let reference = try #require(all.first?.reference)
        #expect(try await provider.download(reference) == all.first)
        let content = try await provider.content(of: reference, ContentRequest(range: .from(1)))
        #expect(content.length == 6 && content.range == nil)
        #expect(try await text(of: content) == "report")
        #expect(await failure { try await provider.delete(reference) }?.kind == .unsupported)
        #expect(server.lines.contains("GET /v1/sessions/s1/downloads"))
        await transfer.shutdown()
        await server.stop()
    }

    @Test func anUnknownSessionIsNotFoundInBothWays() async throws {
        try await withScripted("browserbase", answer: { _, _ in .json("{}", status: 404) }) {
            (provider, upstream) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: "gone")) }?.kind == .notFound)
            #expect(upstream.lines.count == 2)
        }
    }

    @Test func aRefusedKeyIsUnauthorized() async throws {
        try await withScripted("browserbase", answer: { _, _ in .json("{}", status: 401) }) {
            (provider, _) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: "s")) }?.kind == .unauthorized)
            #expect(await failure { try await provider.check() }?.kind == .unauthorized)
        }
    }
}
