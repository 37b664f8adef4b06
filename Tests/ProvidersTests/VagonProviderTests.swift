// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Synchronization
import Simulators
import Testing

@testable import Providers

@Suite struct VagonProviderTests {
    private static let prefix = "/organization-management/v1"

    @Test(arguments: [
        (
            "GET", "/organization-management/v1/files", "",
            "7f3028a027affa2dd78cf4cde052a3aec803e322d284abcdc7cab8f58822de39"
        ),
        (
            "post", "/organization-management/v1/files/download", #"{"file_ids":[123]}"#,
            "679c2ec0c020ba3c76bd5d386589d217b664870a8c03e2031ab19e0139211906"
        ),
    ])
    func signsAsTheVectorsSay(_ method: String, _ path: String, _ body: String, _ signature: String) {
        let key = VagonKey(apiKey: Secret("ak_demo"), secret: Secret("sk_demo"))
        let made = key.signature(
            method: method,
            path: path,
            timestamp: "1767225600000",
            nonce: "3f2b8c1e-0000-4000-8000-000000000001",
            body: Data(body.utf8)
        )
        #expect(made == signature)
    }

    @Test func signsEachRequestAnewAndWithoutItsQuery() async throws {
        let body = #"{"client_code":200,"machines":[],"count":0,"page":1,"next_page":null}"#
        try await withScripted("vagon", answer: { _, _ in .json(body) }) { (provider, upstream) async throws in
            try await provider.check()
            try await provider.check()
            let fields = upstream.server.requests.map { $0.values("Authorization").first ?? "" }
            let parts = fields.map { $0.split(separator: ":") }
            #expect(fields.allSatisfy { $0.hasPrefix("HMAC ak_very_secret:") })
            #expect(Set(parts.map { $0[2] }).count == 2)
            #expect(parts.allSatisfy { $0[3] == "1767225600000" })
            let key = VagonKey(apiKey: Secret("ak_very_secret"), secret: Secret("sk_very_secret"))
            let expected = key.signature(
                method: "GET",
                path: Self.prefix + "/machines",
                timestamp: "1767225600000",
                nonce: String(parts[0][2]),
                body: Data()
            )
            #expect(parts[0][1] == expected)
        }
    }

    @Test(arguments: [
        (400, 400, "Machine is not running", ProviderError.Kind.machineNotRunning),
        (200, 4201, "x", .machineNotRunning),
        (400, 4710, "Permission required", .permission), (200, 4710, "Permission required", .permission),
        (400, 480, "x", .permission), (400, 4110, "x", .permission), (400, 440, "x", .unavailable),
        (400, 469, "x", .unavailable),
        (400, 450, "x", .conflict), (400, 4202, "x", .invalidRequest), (200, 404, "x", .notFound),
        (400, 400, "x", .invalidRequest),
        (200, 401, "x", .unauthorized), (200, 9999, "x", .upstream(status: 200)),
        (500, 9999, "x", .upstream(status: 500)),
    ])
    func readsTheClientCodeFirst(_ status: Int, _ code: Int, _ words: String, _ kind: ProviderError.Kind) async throws {
        let body = #"{"client_code":\#(code),"message":"\#(words)"}"#
        try await withScripted("vagon", answer: { _, _ in .json(body, status: status) }) { (provider, _) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: nil)) }?.kind == kind)
        }
    }

    @Sendable private static func tree(_ line: String, _ base: String) -> ScriptedAnswer {
        let query = "page=1&per_page=100"
        switch line.replacing("GET \(Self.prefix)", with: "") {
        case "/machines/7/files?\(query)":
            return .json(
                """
                {"client_code":200,"files":[{"id":1,"name":"docs","object_type":"directory"},
                 {"id":"2","type":"file","attributes":{"name":"a.pdf","object_type":"file","size":5,
                  "last_modified_date":"2026-01-02T03:04:05Z"}}],"next_page":"2"}
                """
            )
        case "/machines/7/files?page=2&per_page=100":
            return .json(#"{"files":[{"id":3,"name":"b.txt","object_type":"file","size":"x"}],"next_page":null}"#)
        case "/machines/7/files?\(query)&parent_id=1":
            return .json(
                #"{"files":[{"id":1,"name":"itself","object_type":"directory"},{"id":4,"name":"c.txt"}],"next_page":1}"#
            )
        case "/recordings?\(query)&machine_id=7": return .json(#"{"files":[{"id":9,"name":"r.mp4"}]}"#)
        case "POST \(Self.prefix)/machines/7/list-content":
            return .json(#"{"content":{"files":[{"name":"d.log","size":3}],"directories":[{"name":"x"}]}}"#)
        default: return .json(#"{"client_code":404,"message":"no"}"#, status: 404)
        }
    }

    @Test func walksFoldersAndPages() async throws {
        try await withScripted("vagon", answer: Self.tree) { (provider, _) async throws in
            let downloads = try await provider.list(ListQuery(session: "7")).items
            #expect(downloads.map(\.reference.item) == ["f:2", "f:3", "f:4"])
            #expect(downloads[0].createdAt == RFC3339.parse("2026-01-02T03:04:05Z"))
            #expect(downloads[1].size == nil)
            #expect(downloads[2].native["path"] == "docs")
            for download in downloads { #expect(try await provider.download(download.reference) == download) }
        }
    }

    @Test func addsRecordingsAndMachineContentWhereConfigured() async throws {
        let settings: [String: JSONValue] = [
            "recordingsPath": "/recordings", "contentPaths": .array([.string("C:\\Logs"), .string("C:\\")]),
        ]
        try await withScripted("vagon", settings: settings, answer: Self.tree) { (provider, _) async throws in
            let items = try await provider.list(ListQuery(session: "7")).items
            #expect(items.map(\.reference.item) == ["f:2", "f:3", "f:4", "r:9", "c:C:\\Logs\\d.log", "c:C:\\d.log"])
            #expect(items.suffix(2).allSatisfy { $0.name == "d.log" && $0.size == 3 })
            for download in items.suffix(3) { #expect(try await provider.download(download.reference) == download) }
            let content = try #require(items.last).reference
            #expect(await failure { try await provider.content(of: content, ContentRequest()) }?.kind == .unsupported)
            #expect(await failure { try await provider.delete(content) }?.kind == .unsupported)
        }
    }

    @Test func bothFormsOfMachineContentAreRead() throws {
        let flat = #"{"content":[{"path":"C:\\a","name":"a","is_directory":true},{"path":"C:\\b","name":"b"}]}"#
        let apart = #"{"files":[{"name":"b"}],"directories":[{"name":"a"}]}"#
        for json in [flat, apart] {
            let content = try JSONDecoder().decode(VagonAPI.DiskContent.self, from: Data(json.utf8))
            #expect(content.files.map(\.name) == ["b"])
        }
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(VagonAPI.DiskContent.self, from: Data("{}".utf8))
        }
    }

    @Test func aStoppedMachineDoesNotHideItsFiles() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line.hasPrefix("POST")
                ? .json(#"{"client_code":400,"message":"Machine is not running"}"#, status: 400) : Self.tree(line, base)
        }
        let settings: [String: JSONValue] = ["contentPaths": .array([.string("C:\\")])]
        try await withScripted("vagon", settings: settings, answer: answer) { (provider, _) async throws in
            #expect(try await provider.list(ListQuery(session: "7")).items.count == 3)
        }
    }

    @Test func aFolderTreeWithoutEndIsAnError() async throws {
        let count = Mutex(0)
        let answer: @Sendable (String, String) -> ScriptedAnswer = { _, _ in
            let id = count.withLock { number in
                number += 1
                return number
            }
            return .json(#"{"files":[{"id":\#(id),"name":"d","object_type":"directory"}],"next_page":null}"#)
        }
        try await withScripted("vagon", answer: answer) { (provider, upstream) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: nil)) }?.kind == .malformedResponse)
            #expect(upstream.lines.count <= 18)
        }
    }

    private let reference: @Sendable (any Provider) -> DownloadReference = {
        DownloadReference(provider: $0.id, session: nil, item: "f:123")
    }

    @Test func opensALinkWithoutTheSignature() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line.hasPrefix("POST")
                ? .json(#"{"client_code":200,"url":"\#(base)/s3?sig=1","content_type":"text/csv","download_id":1}"#)
                : .bytes("bytes")
        }
        try await withScripted("vagon", answer: answer) { (provider, upstream) async throws in
            let content = try await provider.content(of: self.reference(provider), ContentRequest(range: .from(0)))
            #expect(content.mimeType == "text/csv")
            #expect(content.range == nil)
            #expect(try await text(of: content) == "bytes")
            #expect(upstream.lines == ["POST \(Self.prefix)/files/download", "GET /s3?sig=1"])
            #expect(upstream.server.requests.last?.values("Authorization") == [])
            #expect(upstream.server.requests.last?.values("Range") == ["bytes=0-"])
        }
    }

    @Test func waitsForAJobAndThenSaysNotReady() async throws {
        let polls = Mutex(0)
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            if line.hasPrefix("POST") { return .json(#"{"url":null,"download_id":5085}"#) }
            if line.hasPrefix("GET /s3") { return .bytes("late") }
            let number = polls.withLock { count in
                count += 1
                return count
            }
            // The first two questions of the first call, and then never again.
            return .json(
                number == 2 ? #"{"id":5085,"type":"download","url":"\#(base)/s3"}"# : #"{"id":5085,"url":null}"#
            )
        }
        try await withScripted("vagon", answer: answer) { (provider, upstream) async throws in
            let content = try await provider.content(of: self.reference(provider), ContentRequest())
            #expect(try await text(of: content) == "late")
            #expect(upstream.lines.contains("GET \(Self.prefix)/files/download/5085"))
            let error = await failure { try await provider.content(of: self.reference(provider), ContentRequest()) }
            #expect(error?.kind == .notReady)
            #expect(error?.retry == .after(.seconds(5)))
        }
    }

    @Test func anOlderServerIsAskedInItsWay() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            switch line {
            case "POST \(Self.prefix)/files/download": .html(status: 404)
            case "GET \(Self.prefix)/files/123/download": .json(#"{"url":"\#(base)/s3"}"#)
            default: .bytes("old")
            }
        }
        try await withScripted("vagon", answer: answer) { (provider, _) async throws in
            let content = try await provider.content(of: self.reference(provider), ContentRequest())
            #expect(try await text(of: content) == "old")
        }
    }

    @Test func sessionsAreTheMachines() async throws {
        let body = """
            {"machines":[{"id":"1","type":"machine","attributes":{"name":"a","last_session_start_at":null}},
             {"id":"2","type":"machine","attributes":{"last_session_start_at":"2026-01-02T03:04:05Z"}}],"next_page":null}
            """
        try await withScripted("vagon", answer: { _, _ in .json(body) }) { (provider, upstream) async throws in
            #expect(try await provider.sessions(limit: 5).map(\.id) == ["2", "1"])
            #expect(upstream.lines == ["GET \(Self.prefix)/machines?page=1&per_page=100"])
        }
    }
}
