// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct DownloadFeedTests {
    private let time = Date(timeIntervalSince1970: 1_800_000_000)

    private func reference(_ item: String) throws -> DownloadReference {
        DownloadReference(provider: try #require(ProviderID("web")), session: nil, item: item)
    }

    @Test func eachDownloadIsToldOnceWithItsLastChange() throws {
        let feed = DownloadFeed(startingAt: self.time)
        let start = feed.last
        let (a, b) = (try self.reference("a"), try self.reference("b"))
        feed.announce(a)
        feed.announce(b)
        feed.announce(a, isDeletion: true)
        let news = feed.news(after: start)
        #expect(news.changes.map(\.reference) == [b, a])
        #expect(news.changes.map(\.isDeletion) == [false, true])
        #expect(news.isComplete && news.last == start + 3)
        #expect(feed.news(after: news.last).changes.isEmpty)
        #expect(feed.news(after: start + 2).changes.map(\.reference) == [a])
    }

    @Test func saysWhereSomethingWasForgotten() throws {
        let feed = DownloadFeed(startingAt: self.time, capacity: 10)
        let start = feed.last
        for number in 0..<100 { feed.announce(try self.reference("\(number)")) }
        let news = feed.news(after: start)
        #expect(!news.isComplete && news.changes.count <= 20 && news.changes.last?.reference.item == "99")
        #expect(feed.news(after: news.last - 5).isComplete)
        // Before a restart numbers were lower.
        #expect(!DownloadFeed(startingAt: self.time.addingTimeInterval(1)).news(after: start).isComplete)
    }

    @Test func listenersAreWokenAndLetGo() async throws {
        let feed = DownloadFeed(startingAt: self.time)
        var wakeups: AsyncStream<Int64>? = feed.wakeups()
        #expect(feed.listenerCount == 1)
        feed.announce(try self.reference("a"))
        feed.announce(try self.reference("b"))
        var iterator = wakeups?.makeAsyncIterator()
        #expect(await iterator?.next() == feed.last)
        (iterator, wakeups) = (nil, nil)
        #expect(feed.listenerCount == 0)
        let other = feed.wakeups()
        feed.finish()
        for await _ in other { Issue.record("a finished feed told something") }
    }
}
