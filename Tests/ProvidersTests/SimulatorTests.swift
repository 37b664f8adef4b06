// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Simulators
import Testing
import Transfer

@testable import Providers

/// One walk through each simulated upstream: sessions, list, metadata, bytes, delete.
@Suite struct SimulatorTests {
    private static func library(session: String? = nil) -> (SimulatedLibrary, String) {
        let library = SimulatedLibrary()
        let id = library.addSession(session).id
        library.addFile("report.pdf", size: 70_000, in: id)
        library.addFile("übersicht 100%.csv", size: 1, in: id)
        library.addFile("empty.txt", size: 0, in: id)
        return (library, id)
    }

    private func walk(
        _ simulator: any Simulator,
        kind: String,
        session: String,
        settings: [String: JSONValue] = [:],
        deletes: Bool = true
    ) async throws {
        let transfer = makeTransfer()
        let provider = try makeProvider(
            kind,
            baseURL: simulator.baseURL,
            credentials: [ProviderCredential(fields: simulator.credentials.mapValues { Secret($0) })],
            settings: settings,
            transfer: transfer,
            now: { Date() }
        )
        try await provider.check()
        #expect(try await provider.sessions(limit: 10).map(\.id).contains(session))
        let downloads = try await provider.list(ListQuery(session: session)).items
        #expect(Set(downloads.map(\.name)) == ["report.pdf", "übersicht 100%.csv", "empty.txt"])
        for download in downloads {
            #expect(try await provider.download(download.reference) == download)
            let file = try #require(simulator.library.files.first { download.name == $0.name })
            #expect(download.size == file.size)
            let content = try await provider.content(of: download.reference, ContentRequest())
            var bytes: [UInt8] = []
            for try await piece in content.body { bytes += piece.readableBytesView }
            #expect(bytes == Array(file.contents.bytes(in: 0..<file.size).readableBytesView))
        }
        if deletes {
            let first = try #require(downloads.first)
            try await provider.delete(first.reference)
            #expect(await failure { try await provider.download(first.reference) }?.kind == .notFound)
            #expect(await failure { try await provider.delete(first.reference) }?.kind == .notFound)
        }
        #expect(await failure { try await provider.list(ListQuery(session: "999999")) }?.kind == .notFound)
        await transfer.shutdown()
        await simulator.stop()
    }

    @Test(arguments: [true, false]) func browserbase(_ hasDownloadsAPI: Bool) async throws {
        let (library, session) = Self.library()
        let options = BrowserbaseSimulator.Options(downloadsAPI: hasDownloadsAPI)
        let simulator = try await BrowserbaseSimulator.start(library: library, options: options)
        try await self.walk(simulator, kind: "browserbase", session: session, deletes: hasDownloadsAPI)
    }

    @Test func anchor() async throws {
        let (library, session) = Self.library()
        let simulator = try await AnchorSimulator.start(library: library)
        try await self.walk(simulator, kind: "anchor", session: session, deletes: false)
    }

    @Test func notteStorage() async throws {
        let (library, session) = Self.library()
        let simulator = try await NotteSimulator.start(library: library, generation: .storage)
        try await self.walk(simulator, kind: "notte", session: session, deletes: false)
    }

    @Test func notteFiles() async throws {
        let (library, session) = Self.library()
        let simulator = try await NotteSimulator.start(library: library, generation: .files)
        try await self.walk(simulator, kind: "notte", session: session, settings: ["api": "files"])
    }

    @Test func vagon() async throws {
        let (library, session) = Self.library(session: "7")
        let simulator = try await VagonSimulator.start(library: library)
        try await self.walk(simulator, kind: "vagon", session: session)
    }

    @Test func hoody() async throws {
        let (library, session) = Self.library(session: "Downloads")
        let simulator = try await HoodySimulator.start(library: library)
        try await self.walk(simulator, kind: "hoody", session: session)
    }
}
