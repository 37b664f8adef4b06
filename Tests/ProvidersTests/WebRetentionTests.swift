// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import Simulators
import Testing
import Transfer

@testable import Providers

/// Files that the `web` provider keeps for a while only.
@Suite struct WebRetentionTests {
    private static func run(
        retention: String?,
        _ body: (any Provider, OriginSimulator, TestClock, URL) async throws -> Void
    ) async throws {
        let origin = try await OriginSimulator.start(library: SimulatedLibrary(seed: 6))
        let folder = FileManager.default.temporaryDirectory.appending(path: "sluice-retention-\(UUID().uuidString)")
        let transfer = makeTransfer()
        let clock = TestClock()
        let result: Result<Void, any Error>
        do {
            let environment = AdapterEnvironment(
                transfer: transfer,
                limits: TransferLimits(),
                web: WebEnvironment(storage: folder.path),
                now: { clock.now }
            )
            let catalog = ProviderCatalog(environment, retry: RetryPolicy(retries: 0), logger: Logger(label: "test"))
            let configuration = ProviderConfiguration(
                id: try testID("web"),
                kind: "web",
                settings: retention.map { ["retention": .string($0)] } ?? [:]
            )
            let provider = try #require(try catalog.makeEntry(configuration).provider)
            try await body(provider, origin, clock, folder.appending(path: "files/web"))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await transfer.shutdown()
        await origin.stop()
        try? FileManager.default.removeItem(at: folder)
        try result.get()
    }

    private static func bring(
        _ name: String,
        _ provider: any Provider,
        _ origin: OriginSimulator
    ) async throws
        -> Download
    {
        origin.library.addFile(name, size: 1000)
        let work = CreateWork(
            id: UUID(),
            owner: "key_1",
            createdAt: Date(),
            request: CreateRequest(url: origin.url(name))
        )
        return try await provider.create(work, CreateReport(progress: { _ in }, keep: { _, _ in }))
    }

    private static func files(_ folder: URL) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.count { $0 != ".incoming" }
    }

    @Test func whatIsPastItIsGoneAtOnceAndSweptLater() async throws {
        try await Self.run(retention: "1h") { provider, origin, clock, folder in
            let old = try await Self.bring("old.txt", provider, origin)
            #expect(old.expiresAt == clock.now.addingTimeInterval(3600))
            clock.advance(by: 1800)
            let new = try await Self.bring("new.txt", provider, origin)
            #expect(try await provider.sweep().isEmpty)
            let kept = Self.files(folder)
            clock.advance(by: 1800)
            // Before anything has swept it, nobody gets it any more.
            #expect(await failure { try await provider.download(old.reference) }?.kind == .notFound)
            #expect(
                await failure { try await provider.content(of: old.reference, ContentRequest()) }?.kind == .notFound
            )
            #expect(try await provider.list(ListQuery(session: nil)).items.map(\.reference) == [new.reference])
            #expect(Self.files(folder) == kept)
            #expect(try await provider.sweep() == [old.reference])
            #expect(Self.files(folder) * 2 == kept)
            #expect(try await provider.download(new.reference).name == "new.txt")
            #expect(try await provider.sweep().isEmpty)
        }
    }

    @Test func withoutOneFilesAreKept() async throws {
        try await Self.run(retention: nil) { provider, origin, clock, _ in
            let file = try await Self.bring("a.txt", provider, origin)
            clock.advance(by: 50 * 365 * 86_400)
            #expect(try await provider.sweep().isEmpty)
            #expect(try await provider.download(file.reference).expiresAt == nil)
        }
    }

    /// Beginnings of files that no job will ever go on with.
    @Test func whatWasLeftOnItsWayIsSwept() async throws {
        try await Self.run(retention: nil) { provider, origin, clock, folder in
            _ = try await Self.bring("a.txt", provider, origin)
            let left = folder.appending(path: ".incoming/\(UUID().uuidString.lowercased())")
            try Data("half".utf8).write(to: left)
            try FileManager.default.setAttributes([.modificationDate: clock.now], ofItemAtPath: left.path)
            _ = try await provider.sweep()
            #expect(FileManager.default.fileExists(atPath: left.path))
            clock.advance(by: 9 * 86_400)
            _ = try await provider.sweep()
            #expect(!FileManager.default.fileExists(atPath: left.path))
        }
    }
}
