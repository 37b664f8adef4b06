// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct MatchCacheTests {
    private static func downloads(_ count: Int, size: Int64 = 1) throws -> [ListedJobs.Item] {
        let provider = try #require(ProviderID("one"))
        return (0..<count).map {
            let reference = DownloadReference(provider: provider, session: "s", item: "\($0)")
            return ListedJobs.Item(
                reference: reference,
                download: Download(reference: reference, name: "\($0)", size: size)
            )
        }
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
    private static func searches(_ asked: [(MatchCache.Question, [ListedJobs.Item])]) -> Int {
        let cache = MatchCache()
        var searches = 0
        for (question, downloads) in asked {
            let matches = cache.matches(for: question, in: downloads) {
                searches += 1
                return downloads.map { ListedDownload(id: $0.download.name, download: $0.download) }
            }
            #expect(matches.items.map(\.download) == downloads.map(\.download))
            #expect(matches.counts.values.reduce(0, +) == downloads.count)
        }
        return searches
    }

    @Test func theSameDownloadsAreLookedThroughOnce() throws {
        let downloads = try Self.downloads(3)
        #expect(Self.searches([(Self.question(), downloads), (Self.question(), try Self.downloads(3))]) == 1)
    }

    @Test func otherDownloadsAreLookedThroughAnew() throws {
        let few = try Self.downloads(2)
        let more = try Self.downloads(3)
        let changed = try Self.downloads(3, size: 2)
        #expect(Self.searches([few, more, changed, more].map { (Self.question(), $0) }) == 4)
    }

    @Test func anotherQuestionHasItsOwnMatches() throws {
        let downloads = try Self.downloads(3)
        let questions = [
            Self.question(), Self.question(burials: 1), Self.question { $0.filter.minSize = 1 },
            Self.question { $0.sort.isDescending.toggle() },
        ]
        #expect(Self.searches(questions.map { ($0, downloads) }) == questions.count)
    }
}
