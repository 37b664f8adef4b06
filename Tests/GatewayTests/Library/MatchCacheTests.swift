// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct MatchCacheTests {
    private static func source(_ count: Int, size: Int64 = 1, jobs: [Job] = []) throws -> ListedSource {
        let provider = try #require(ProviderID("one"))
        let listing = (0..<count).map {
            let reference = DownloadReference(provider: provider, session: "s", item: "\($0)")
            return Download(reference: reference, name: "\($0)", size: size)
        }
        let report = SourceReport(provider: provider, state: .fresh)
        return ListedSource(
            SourceGathering.Conclusion(listings: [listing], report: report),
            jobs,
            JobProgress(),
            capabilities: Capabilities()
        )
    }

    private static func question(
        burials: Int = 0,
        _ change: (inout ListRequest) -> Void = { _ in }
    ) -> MatchCache.Question {
        var request = ListRequest()
        change(&request)
        return MatchCache.Question(request, .admin, burials: burials)
    }

    /// How many of `asked` had to be looked for.
    private static func searches(_ asked: [(MatchCache.Question, ListedSource)]) -> Int {
        let cache = MatchCache()
        var searches = 0
        for (question, source) in asked {
            let matches = cache.matches(for: question, in: [source]) {
                searches += 1
                return source.items.map { ListedDownload(id: $0.download.name, download: $0.download) }
            }
            #expect(matches.items.map(\.download) == source.items.map(\.download))
            #expect(matches.counts.values.reduce(0, +) == source.items.count)
        }
        return searches
    }

    @Test func whatIsTheSameIsLookedThroughOnce() throws {
        let source = try Self.source(3)
        #expect(Self.searches([source, try Self.source(3), source].map { (Self.question(), $0) }) == 1)
    }

    @Test func whatDiffersIsLookedThroughAnew() throws {
        let few = try Self.source(2)
        let more = try Self.source(3)
        let changed = try Self.source(3, size: 2)
        #expect(Self.searches([few, more, changed, more].map { (Self.question(), $0) }) == 4)
    }

    @Test func aJobThatWentOnIsLookedThroughAnew() throws {
        var job = Job(
            id: UUID(),
            caller: "key_1",
            provider: try #require(ProviderID("one")),
            session: nil,
            host: "files.example.com",
            createdAt: Date(timeIntervalSince1970: 1_800_000_000),
            sourceURL: "https://files.example.com/x",
            name: "x"
        )
        let queued = try Self.source(1, jobs: [job])
        job.status = .failed
        let failed = try Self.source(1, jobs: [job])
        #expect(Self.searches([queued, queued, failed, failed].map { (Self.question(), $0) }) == 2)
    }

    @Test func anotherQuestionHasItsOwnMatches() throws {
        let source = try Self.source(3)
        let questions = [
            Self.question(), Self.question(burials: 1), Self.question { $0.filter.minSize = 1 },
            Self.question { $0.sort.isDescending.toggle() },
        ]
        #expect(Self.searches(questions.map { ($0, source) }) == questions.count)
    }
}
