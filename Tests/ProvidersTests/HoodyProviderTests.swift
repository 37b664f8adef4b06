// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators
import Synchronization
import Testing

@testable import Providers

@Suite struct HoodyProviderTests {
    private static let running = """
        {"id":"run","filename":"big.zip","file_path":"Downloads/big.zip","directory":"Downloads",
         "url":"https://files.example/big.zip","status":"downloading","current_size":50,"expected_size":100,
         "progress_percentage":50.0,"start_time":1700000000}
        """
    private static let history = """
        {"history":[
         {"id":"old","filename":"a.csv","file_path":"Downloads/a.csv","directory":"Downloads","url":"u","status":"completed",
          "total_bytes":4,"start_time":1600000000,"end_time":1600000001,"error":null},
         {"id":"new","filename":"a.csv","file_path":"/Downloads/a.csv","directory":"/Downloads/","status":"completed",
          "file_size":5,"start_time":1700000000000,"end_time":1700000002000},
         {"id":"gone","filename":"gone.csv","file_path":"Downloads/gone.csv","status":"completed","start_time":1},
         {"id":"bad","filename":"missing.csv","file_path":"Downloads/missing.csv","directory":"Downloads","status":"failed",
          "total_bytes":null,"start_time":1700000100,"end_time":1700000105,"error":"REMOTE_FILE_NOT_FOUND"},
         {"id":"stop","filename":"s.bin","directory":"Downloads","status":"cancelled","code":"x","error_message":"by user"},
         {"id":"evil","filename":"passwd","file_path":"Downloads/../../etc/passwd","status":"completed"},
         {"id":"root","filename":"top.txt","directory":"","status":"completed","total_bytes":3,"start_time":5},
         {"filename":"no-id.txt","directory":"Downloads","status":"completed"}]}
        """
    private static let entries = """
        {"path":"Downloads","entries":[{"name":"a.csv","is_dir":false,"size":5,"modified":1700000003},
         {"name":"own.txt","is_dir":false,"size":7,"modified":1700000004},{"name":"sub","is_dir":true},
         {"name":"big.zip","is_dir":false,"size":50,"modified":1700000005},{"name":"..","is_dir":false}],"count":5}
        """

    @Sendable private static func answer(_ line: String, _ base: String) -> ScriptedAnswer {
        switch line {
        case "GET /api/v1/files/Downloads": return .json(Self.entries)
        case "GET /Downloads?downloads=", "GET /api/v1/downloads": return .json(#"{"downloads":[\#(Self.running)]}"#)
        case "GET /?download_history=": return .json(Self.history)
        case "GET /api/v1/files/":
            return .json(#"{"entries":[{"name":"Old","is_dir":true,"modified":1500000000},{"name":"top.txt"}]}"#)
        case "GET /api/v1/files/stat/Downloads/own.txt":
            return .json(#"{"name":"own.txt","path_type":"File","size":7,"mtime":1700000004567}"#)
        case "GET /api/v1/files/stat/Downloads/a.csv":
            return .json(#"{"path_type":"File","size":5,"mtime":1700000003999}"#)
        case "GET /api/v1/files/stat/Downloads/sub": return .json(#"{"path_type":"Dir","size":0,"mtime":1}"#)
        case "GET /Downloads/a.csv": return .bytes("bytes", [("ETag", "\"e\"")])
        case "DELETE /Downloads/a.csv", "DELETE /Downloads/own.txt", "DELETE /api/v1/downloads/run":
            return .json(#"{"success":true}"#)
        default: return .json(#"{"success":false,"error":"RESOURCE_NOT_FOUND"}"#, status: 404)
        }
    }

    private func reference(
        _ provider: any Provider,
        _ item: String,
        _ session: String? = "Downloads"
    ) -> DownloadReference {
        DownloadReference(provider: provider.id, session: session, item: item)
    }

    @Test func mergesFilesWithTransfers() async throws {
        try await withScripted("hoody", answer: Self.answer) { (provider, upstream) async throws in
            let downloads = try await provider.list(ListQuery(session: "Downloads")).items
            let byItem = Dictionary(uniqueKeysWithValues: downloads.map { ($0.reference.item, $0) })
            #expect(Set(byItem.keys) == ["t:new", "t:bad", "t:stop", "t:run", "p:own.txt"])
            let completed = try #require(byItem["t:new"])
            #expect(completed.size == 5)
            #expect(completed.createdAt?.timeIntervalSince1970 == 1_700_000_000)
            #expect(completed.completedAt?.timeIntervalSince1970 == 1_700_000_002)
            let running = try #require(byItem["t:run"])
            #expect(running.status == .downloading)
            #expect(running.progress == DownloadProgress(receivedBytes: 50, totalBytes: 100, percent: 50))
            #expect(running.sourceURL == "https://files.example/big.zip")
            #expect(byItem["t:bad"]?.failure?.code == .remoteFileNotFound)
            #expect(byItem["t:stop"]?.status == .cancelled)
            #expect(byItem["p:own.txt"]?.createdAt?.timeIntervalSince1970 == 1_700_000_004)
            #expect(upstream.lines.count == 3)
        }
    }

    @Test func metadataEqualsTheList() async throws {
        try await withScripted("hoody", answer: Self.answer) { (provider, _) async throws in
            for download in try await provider.list(ListQuery(session: "Downloads")).items {
                let again = try await provider.download(download.reference)
                #expect(again == download)
                #expect(again.revision == download.revision)
            }
            for item in ["t:gone", "t:none", "p:nothing", "p:sub", "p:a/b", "x:1"] {
                let reference = self.reference(provider, item)
                #expect(await failure { try await provider.download(reference) }?.kind == .notFound, "\(item)")
            }
        }
    }

    @Test func listsTheTopFolderAsNoSession() async throws {
        try await withScripted("hoody", answer: Self.answer) { (provider, _) async throws in
            let downloads = try await provider.list(ListQuery(session: nil)).items
            #expect(downloads.map(\.reference.item) == ["t:root"])
            #expect(downloads.first?.reference.session == nil)
            #expect(await failure { try await provider.list(ListQuery(session: "/")) }?.kind == .notFound)
        }
    }

    @Test func sessionsAreTheFolders() async throws {
        try await withScripted("hoody", answer: Self.answer) { (provider, _) async throws in
            let sessions = try await provider.sessions(limit: 5)
            #expect(sessions.map(\.id) == ["Downloads", "Old"])
            #expect(sessions.first?.createdAt?.timeIntervalSince1970 == 1_700_000_100)
        }
    }

    @Test func unknownFoldersAndHostilePathsAreNotFound() async throws {
        try await withScripted("hoody", answer: Self.answer) { (provider, upstream) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: "Nowhere")) }?.kind == .notFound)
            let before = upstream.lines.count
            for session in ["..", "a/../b", "a//b", "."] {
                #expect(await failure { try await provider.list(ListQuery(session: session)) }?.kind == .notFound)
            }
            #expect(upstream.lines.count == before)
        }
    }

    @Test func bytesComeFromCompletedTransfersOnly() async throws {
        try await withScripted("hoody", answer: Self.answer) { (provider, _) async throws in
            let content = try await provider.content(of: self.reference(provider, "t:new"), ContentRequest())
            #expect(try await text(of: content) == "bytes")
            #expect(content.validator == "\"e\"")
            let running = self.reference(provider, "t:run")
            #expect(await failure { try await provider.content(of: running, ContentRequest()) }?.kind == .notReady)
            let stopped = self.reference(provider, "t:stop")
            #expect(await failure { try await provider.content(of: stopped, ContentRequest()) }?.kind == .conflict)
            let bad = self.reference(provider, "t:bad")
            guard
                case .failed(let why)? = await failure({ try await provider.content(of: bad, ContentRequest()) })?.kind
            else {
                Issue.record("a failed transfer gave no failure")
                return
            }
            #expect(why.code == .remoteFileNotFound)
        }
    }

    @Test func deletesFilesCancelsTransfersAndNeverFolders() async throws {
        try await withScripted("hoody", answer: Self.answer) { (provider, upstream) async throws in
            for item in ["t:new", "p:own.txt", "t:run", "t:bad", "t:stop"] {
                try await provider.delete(self.reference(provider, item))
            }
            let folder = self.reference(provider, "p:sub")
            #expect(await failure { try await provider.delete(folder) }?.kind == .notFound)
            #expect(
                upstream.lines.filter { $0.hasPrefix("DELETE") } == [
                    "DELETE /Downloads/a.csv", "DELETE /Downloads/own.txt", "DELETE /api/v1/downloads/run",
                ]
            )
        }
    }

    @Test(arguments: [404, 405]) func anOldServerCannotStopATransfer(_ status: Int) async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line.hasPrefix("DELETE") ? .json("{}", status: status) : Self.answer(line, base)
        }
        try await withScripted("hoody", answer: answer) { (provider, _) async throws in
            let running = self.reference(provider, "t:run")
            #expect(await failure { try await provider.delete(running) }?.kind == .unsupported)
        }
    }

    @Test func aServerWithoutTransfersStillListsFiles() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line.contains("download")
                ? .json(#"{"success":false,"error":"DOWNLOAD_FORBIDDEN"}"#, status: 403) : Self.answer(line, base)
        }
        try await withScripted("hoody", answer: answer) { (provider, _) async throws in
            let downloads = try await provider.list(ListQuery(session: "Downloads")).items
            #expect(downloads.map(\.name) == ["a.csv", "big.zip", "own.txt"])
            try await provider.check()
        }
    }

    @Test(arguments: [
        (403, #"{"success":false,"error":"ACCESS_FORBIDDEN"}"#), (403, "{}"), (501, "{}"), (405, "{}"),
    ])
    func aHistoryThatIsRefusedTakesNothingElse(_ status: Int, _ body: String) async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line.contains("download_history") ? .json(body, status: status) : Self.answer(line, base)
        }
        try await withScripted("hoody", answer: answer) { (provider, _) async throws in
            let downloads = try await provider.list(ListQuery(session: "Downloads")).items
            #expect(downloads.map(\.reference.item) == ["t:run", "p:a.csv", "p:own.txt"])
        }
    }

    @Test(arguments: [401, 403]) func aCredentialThatMayReadNothingIsRefused(_ status: Int) async throws {
        let refusal = ScriptedAnswer.json("{}", status: status)
        try await withScripted("hoody", answer: { _, _ in refusal }) { (provider, _) async throws in
            let error = await failure { try await provider.list(ListQuery(session: "Downloads")) }
            #expect(error?.kind == .unauthorized)
        }
    }

    @Test func anEntryWithoutANameTakesNoOther() async throws {
        let entries = #"{"entries":[{"size":1},{"name":7},{"name":null},5,{"name":"own.txt","size":"7"}]}"#
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line == "GET /api/v1/files/Downloads" ? .json(entries) : Self.answer(line, base)
        }
        try await withScripted("hoody", answer: answer) { (provider, _) async throws in
            let downloads = try await provider.list(ListQuery(session: "Downloads")).items
            #expect(downloads.contains { $0.reference.item == "p:own.txt" && $0.size == 7 })
        }
    }

    @Test func aServerWithoutFileListsStillListsTransfers() async throws {
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            line.hasPrefix("GET /api/v1/files") ? .html(status: 405) : Self.answer(line, base)
        }
        try await withScripted("hoody", answer: answer) { (provider, _) async throws in
            let downloads = try await provider.list(ListQuery(session: "Downloads")).items
            #expect(downloads.map(\.reference.item).contains("t:new"))
            #expect(downloads.map(\.reference.item).contains("t:gone"))
        }
    }

    @Test func aRefusalUnderStatus200IsARefusal() async throws {
        let refusal = ScriptedAnswer.json(#"{"success":false,"error":"RESOURCE_NOT_FOUND"}"#)
        try await withScripted("hoody", answer: { _, _ in refusal }) { (provider, _) async throws in
            #expect(await failure { try await provider.list(ListQuery(session: "Downloads")) }?.kind == .notFound)
            let file = self.reference(provider, "p:a.csv")
            #expect(await failure { try await provider.content(of: file, ContentRequest()) }?.kind == .notFound)
        }
        let small = ScriptedAnswer.json(#"{"success":true}"#)
        try await withScripted("hoody", answer: { _, _ in small }) { (provider, _) async throws in
            let content = try await provider.content(of: self.reference(provider, "p:a.json"), ContentRequest())
            #expect(try await text(of: content) == #"{"success":true}"#)
        }
    }

    @Test func aSleepingServerIsUnavailable() async throws {
        try await withScripted("hoody", answer: { _, _ in .html(status: 502) }) { (provider, upstream) async throws in
            let error = await failure { try await provider.list(ListQuery(session: nil)) }
            #expect(error?.kind == .unavailable)
            #expect(error?.retry == .now)
            #expect(error.map { !"\($0)".contains("127.0.0.1") } == true)
        }
    }

    @Test func aTransferThatIsJustEndingIsFound() async throws {
        let asked = HistoryCount()
        let answer: @Sendable (String, String) -> ScriptedAnswer = { line, base in
            switch line {
            case "GET /api/v1/downloads": .json(#"{"downloads":[]}"#)
            case "GET /?download_history=": .json(asked.next() == 1 ? #"{"history":[]}"# : Self.history)
            default: Self.answer(line, base)
            }
        }
        try await withScripted("hoody", answer: answer) { (provider, _) async throws in
            #expect(try await provider.download(self.reference(provider, "t:new")).status == .completed)
        }
    }

    @Test(arguments: [
        ("starting", DownloadStatus.queued), ("downloading", .downloading), ("completed", .completed),
        ("failed", .failed),
        ("cancelled", .cancelled), ("novel", .downloading),
    ])
    func readsEachState(_ word: String, _ state: DownloadStatus) throws {
        let json = Data(#"{"id":"1","status":"\#(word)"}"#.utf8)
        #expect(try JSONDecoder().decode(HoodyAPI.Transfer.self, from: json).state == state)
    }

    @Test(arguments: [
        (#""error":"NETWORK_ERROR""#, DownloadFailure.Code.networkError),
        (#""code":"DOMAIN_BLOCKED","error":"Not allowed""#, .domainBlocked),
        (#""error_message":"something else""#, .networkError), (#""error":"FILE_PATH_BUSY""#, .conflict),
        (#""code":"DOWNLOAD_TIMEOUT""#, .downloadTimeout),
    ])
    func readsEachFailure(_ fields: String, _ code: DownloadFailure.Code) throws {
        let json = Data(#"{"id":"1","status":"failed",\#(fields)}"#.utf8)
        #expect(try JSONDecoder().decode(HoodyAPI.Transfer.self, from: json).failure { $0 }?.code == code)
    }
}

/// Counts how often the history was asked for.
private final class HistoryCount: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { self.count.wrappingAdd(1, ordering: .relaxed).newValue }
}
