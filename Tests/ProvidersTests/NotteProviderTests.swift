// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Synchronization
import Testing

@testable import Providers

@Suite struct NotteProviderTests {
    private static let stored = """
        {"files":[{"name":"a b/c.pdf","size":5,"file_ext":"pdf","updated_at":"2026-01-02T03:04:05"},
                  {"name":"line\\nbreak.txt","size":1.5,"file_ext":".txt","updated_at":null},{"name":"","size":1}]}
        """

    @Test func storageMapsEveryField() async throws {
        try await withScripted("notte", answer: { _, _ in .json(Self.stored) }) { (provider, upstream) async throws in
            let downloads = try await provider.list(ListQuery(session: "s/1")).items
            #expect(upstream.lines == ["GET /storage/s%2F1/downloads"])
            #expect(upstream.server.requests.first?.values("Authorization") == ["Bearer key_very_secret"])
            #expect(downloads.map(\.reference.item) == ["n:a b/c.pdf", "n:line%0Abreak.txt"])
            #expect(downloads[0].filename == "c.pdf")
            #expect(downloads[0].size == 5)
            #expect(downloads[0].createdAt == RFC3339.parse("2026-01-02T03:04:05Z"))
            #expect(downloads[1].size == 1)
            #expect(downloads[1].createdAt == nil)
            #expect(try await provider.download(downloads[1].reference) == downloads[1])
            #expect(await failure { try await provider.delete(downloads[0].reference) }?.kind == .unsupported)
        }
    }

    @Test func storageOpensAFreshLinkWithoutTheKey() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            switch line {
            case "GET /storage/s/downloads/a%20b%2Fc.pdf": .json(#"{"url":"\#(base)/store?sig=1"}"#)
            case "GET /store?sig=1": .bytes("bytes", status: 206, [("Content-Range", "bytes 0-4/9")])
            default: .json("{}", status: 404)
            }
        }
        try await withScripted("notte", answer: answer) { (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "n:a b/c.pdf")
            let content = try await provider.content(of: reference, ContentRequest(range: .bounded(first: 0, last: 4)))
            #expect(content.range == 0...4)
            #expect(content.totalSize == 9)
            #expect(try await text(of: content) == "bytes")
            #expect(upstream.server.requests.last?.values("Authorization") == [])
            #expect(upstream.server.requests.last?.values("Range") == ["bytes=0-4"])
        }
    }

    @Test(arguments: [400, 403, 404]) func storageAsksOnceMoreForALinkThatExpired(_ status: Int) async throws {
        let links = Mutex(0)
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            if line.hasPrefix("GET /storage/") {
                let number = links.withLock { count in
                    count += 1
                    return count
                }
                return .json(#"{"url":"\#(base)/store?sig=\#(number)"}"#)
            }
            return line == "GET /store?sig=2" ? .bytes("bytes") : .bytes("", status: status)
        }
        try await withScripted("notte", answer: answer) { (provider, _) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "n:a")
            #expect(try await text(of: try await provider.content(of: reference, ContentRequest())) == "bytes")
        }
    }

    /// Where names are identities, a file's time is all that tells it from the next of its size.
    @Test func storageTellsFilesOfOneSecondApart() async throws {
        let times = ["\"2026-01-02T03:04:05.1Z\"", "\"2026-01-02T03:04:05.9Z\"", "null"]
        var revisions: [String] = []
        for time in times {
            let list = #"{"files":[{"name":"a","size":5,"updated_at":\#(time)}]}"#
            try await withScripted("notte", answer: { _, _ in .json(list) }) { (provider, _) async throws in
                revisions += try await provider.list(ListQuery(session: "s")).items.map(\.revision)
            }
        }
        #expect(Set(revisions).count == 3 && revisions.last == "")
    }

    @Test func aFileThatIsListedAMomentLaterIsThere() async throws {
        let lists = Mutex(0)
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, _ in
            guard line.hasPrefix("GET") else { return .json(#"{"success":true}"#) }
            let number = lists.withLock { count in
                count += 1
                return count
            }
            return .json(number < 4 ? #"{"files":[]}"# : #"{"files":[{"name":"a","size":5}]}"#)
        }
        try await withScripted("notte", answer: answer) { (provider, _) async throws in
            let request = UploadRequest(session: "s", filename: "a")
            let work = UploadWork(id: UUID(), owner: "", createdAt: .distantPast, request: request)
            let source = UploadSource(size: 5, revision: "1") { _ async throws(ProviderError) in
                ContentBody(ByteBuffer(string: "bytes"))
            }
            #expect(
                try await provider.upload(work, from: source, CreateReport(progress: { _ in }, keep: { _, _ in })).size
                    == 5
            )
        }
    }

    /// `JSON.stringify` and `json.dumps` write halves of characters as they find them.
    @Test func oneNameWithHalfACharacterIsNotTheLossOfAll() async throws {
        let list =
            #"{"files":[{"name":"\ud83d.txt"},{"name":"a\\ud83d"},{"name":"\ud83d\ude00"},{"name":"\udce9\udce9"}]}"#
        try await withScripted("notte", answer: { _, _ in .json(list) }) { (provider, _) async throws in
            let names = try await provider.list(ListQuery(session: "s")).items.map(\.name)
            #expect(names == ["\u{FFFD}.txt", #"a\ud83d"#, "\u{1F600}", "\u{FFFD}\u{FFFD}"])
        }
    }

    /// A caller who asked for a known file has said nothing that could be wrong.
    @Test(arguments: [400, 422]) func anUpstreamsRefusalOfItsOwnIDIsNotTheCallersFault(_ status: Int) async throws {
        try await withScripted("notte", answer: { _, _ in .json("{}", status: status) }) { (provider, _) async throws in
            let checked = CheckedProvider(provider)
            #expect(await failure { try await checked.sessions(limit: 5) }?.kind == .upstream(status: 400))
        }
        try await withScripted("browserbase", answer: { _, _ in .json("{}", status: status) }) {
            (provider, _) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "d:1")
            let error = await failure { try await provider.content(of: reference, ContentRequest()) }
            #expect(error?.kind == .upstream(status: status))
        }
    }

    @Test func storageNeverMistakesTheStoresRefusalForOurs() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line.hasPrefix("GET /storage/") ? .json(#"{"url":"\#(base)/store"}"#) : .bytes("", status: 403)
        }
        try await withScripted("notte", answer: answer) { (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "n:a")
            let error = await failure { try await provider.content(of: reference, ContentRequest()) }
            // It was asked with a new link already.
            #expect(error?.kind == .upstream(status: 403) && error?.retry == .never)
            #expect(upstream.lines.count == 4)
        }
    }

    @Test func filesMapsEveryFieldAndPages() async throws {
        let body = """
            {"files":[{"id":"f1","session_id":"s","filename":"a.bin","mime_type":"application/x-own","size":5,
             "checksum":"abc","created_at":"2026-01-02T03:04:05Z","expires_at":"2026-02-02T03:04:05Z",
             "source":"session_download"}],"total":2,"limit":1000,"offset":0}
            """
        try await withScripted("notte", settings: ["api": "files"], answer: { _, _ in .json(body) }) {
            provider,
            upstream in
            let page = try await provider.list(ListQuery(session: "s"))
            let download = try #require(page.items.first)
            #expect(download.reference.item == "f:f1")
            #expect(download.mimeType == "application/x-own")
            #expect(download.checksum == nil)
            #expect(download.native["checksum"] == "abc")
            #expect(download.expiresAt == RFC3339.parse("2026-02-02T03:04:05Z"))
            #expect(page.next == PageToken(offset: 1))
            #expect(upstream.lines == ["GET /sessions/s/files?source=session_download&limit=1000&offset=0"])
            #expect(try await provider.download(download.reference) == download)
        }
    }

    @Test func filesSearchesPageAfterPageAndEnds() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, _ in
            let id = line.hasSuffix("offset=0") ? "f1" : "f2"
            return .json(#"{"files":[{"id":"\#(id)","filename":"x"}],"total":2}"#)
        }
        try await withScripted("notte", settings: ["api": "files"], answer: answer) {
            (provider, upstream) async throws in
            let gone = DownloadReference(provider: provider.id, session: "s", item: "f:gone")
            #expect(await failure { try await provider.download(gone) }?.kind == .notFound)
            #expect(upstream.lines.count == 2)
        }
    }

    @Test func filesDeletesAndReadsDirectly() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, _ in
            line.hasPrefix("DELETE") ? ScriptedAnswer(status: 204) : .bytes("direct")
        }
        try await withScripted("notte", settings: ["api": "files"], answer: answer) {
            (provider, upstream) async throws in
            let reference = DownloadReference(provider: provider.id, session: "s", item: "f:f/1")
            #expect(try await text(of: try await provider.content(of: reference, ContentRequest())) == "direct")
            try await provider.delete(reference)
            #expect(upstream.lines == ["GET /sessions/s/files/f%2F1", "DELETE /sessions/s/files/f%2F1"])
        }
    }

    @Test func listsFinishedSessionsToo() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, _ in
            line.hasSuffix("page=1")
                ? .json(#"{"items":[{"session_id":"a","created_at":"2026-01-01T00:00:00Z"}],"has_next":true}"#)
                : .json(#"{"items":[{"session_id":"b","created_at":"2026-01-02T00:00:00Z"}],"has_next":false}"#)
        }
        try await withScripted("notte", answer: answer) { (provider, upstream) async throws in
            #expect(try await provider.sessions(limit: 10).map(\.id) == ["b", "a"])
            #expect(upstream.lines.first == "GET /sessions?only_active=false&page_size=100&page=1")
        }
    }

    @Test(arguments: [".", ".."]) func emptyAndDotSegmentsNeverReachTheUpstream(_ session: String) async throws {
        try await withScripted("notte", answer: { _, _ in .json(Self.stored) }) { (provider, upstream) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: session)) }?.kind == .notFound)
            let reference = DownloadReference(provider: provider.id, session: "s", item: "n:..")
            #expect(await failure { try await provider.content(of: reference, ContentRequest()) }?.kind == .notFound)
            #expect(upstream.lines.isEmpty)
        }
    }
}
