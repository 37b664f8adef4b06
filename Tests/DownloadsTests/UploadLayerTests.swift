// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import NIOCore
import Testing

/// Reads a source to its end, or fails by itself.
private struct TakingProvider: Provider {
    let id: ProviderID
    let kind = "taking"
    var capabilities = Capabilities(upload: true)
    var failure: ProviderError?

    func list(_ query: ListQuery) async throws(ProviderError) -> Page<Download> { Page(items: []) }
    func download(_ reference: DownloadReference) async throws(ProviderError) -> Download { throw .notFound() }
    func content(of reference: DownloadReference, _ request: ContentRequest) async throws(ProviderError) -> Content {
        throw .notFound()
    }
    func check() async throws(ProviderError) {}

    func upload(
        _ work: UploadWork,
        from source: UploadSource,
        _ report: CreateReport
    ) async throws(ProviderError) -> Download {
        for try await _ in try await source.open(0) {}
        if let failure { throw failure }
        return Download(reference: DownloadReference(provider: self.id, session: nil, item: "x"), name: "x")
    }
}

@Suite struct UploadLayerTests {
    private let work = UploadWork(
        id: UUID(),
        owner: "o",
        createdAt: Date(timeIntervalSince1970: 0),
        request: UploadRequest(filename: "a\u{7}.txt")
    )
    private let down = ProviderError(.unavailable, retry: .now, message: "down")
    private let nobody = CreateReport(progress: { _ in }, keep: { _, _ in })

    private func health(
        after source: UploadSource,
        failure: ProviderError? = nil,
        throwing isRefused: Bool = true
    ) async throws -> ProviderHealth {
        let health = ProviderHealth(configured: true)
        let base = TakingProvider(id: try #require(ProviderID("p")), failure: failure)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let observed = ObservedProvider(base, health: health, logger: logger)
        var error: ProviderError?
        do throws(ProviderError) {
            _ = try await observed.upload(self.work, from: source, self.nobody)
        } catch let thrown {
            error = thrown
        }
        #expect((error != nil) == isRefused)
        return health
    }

    @Test func aSourceThatFailsSaysNothingOfItsTarget() async throws {
        let down = self.down
        let unopened = UploadSource(size: 1, revision: "") { _ async throws(ProviderError) in throw down }
        let broken = UploadSource(size: 1, revision: "") { _ async throws(ProviderError) in
            ContentBody { { () async throws(ProviderError) in throw down } }
        }
        for source in [unopened, broken] {
            let health = try await self.health(after: source)
            #expect(health.snapshot.state == .ok)
            #expect(ProviderCalls.Outcome.allCases.allSatisfy { health.calls.count($0) == 0 })
        }
    }

    @Test func anUploadIsACall() async throws {
        let whole = UploadSource(size: 1, revision: "") { _ async throws(ProviderError) in
            ContentBody(ByteBuffer(string: "x"))
        }
        let well = try await self.health(after: whole, throwing: false)
        #expect(well.calls.count(.ok) == 1)
        let failed = try await self.health(after: whole, failure: self.down)
        #expect(failed.snapshot.state != .ok)
        #expect(failed.calls.count(.unavailable) == 1)
    }

    @Test func namesAreMadeSafeAndPlacesChecked() async throws {
        #expect(self.work.request.filename == "a.txt")
        let checked = CheckedProvider(TakingProvider(id: try #require(ProviderID("p"))))
        let request = UploadRequest(session: "a\r\nb", filename: "a")
        await #expect(throws: ProviderError.self) { _ = try await checked.plan(request) }
        await #expect(throws: ProviderError.self) { _ = try await checked.occupant(request) }
    }
}
