// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import Testing

@testable import Gateway

@Suite struct NumberFeedTests {
    private func entry(_ requestId: String, key: String? = nil, status: Int = 200) -> LogEntry {
        var entry = LogEntry(
            time: Date(timeIntervalSince1970: 1_800_000_000),
            requestId: requestId,
            method: "GET",
            target: "/",
            status: status,
            outcome: .complete
        )
        entry.keyId = key
        return entry
    }

    @Test func everyListenerHearsTheNewestNumber() async {
        let feed = NumberFeed()
        var first = feed.changes().makeAsyncIterator()
        var second = feed.changes().makeAsyncIterator()
        for id in 1...3 { feed.announce(Int64(id)) }
        #expect(await first.next() == 3)
        #expect(await second.next() == 3)
        feed.announce(4)
        #expect(await first.next() == 4)
        feed.finish()
        #expect(await first.next() == nil)
    }

    @Test func whoIsGoneListensNoMore() async {
        let feed = NumberFeed()
        do {
            let stream = feed.changes()
            #expect(feed.listenerCount == 1)
            withExtendedLifetime(stream) {}
        }
        #expect(feed.listenerCount == 0)
        let listening = Task { for await _ in feed.changes() {} }
        listening.cancel()
        await listening.value
        #expect(feed.listenerCount == 0)
    }

    @Test func whatIsAnnouncedCanBeRead() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(
            journal: fixture.journal,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        var changes = writer.feed.changes().makeAsyncIterator()
        for number in 1...5 {
            writer.record(self.entry("r\(number)", key: number % 2 == 0 ? "a" : "b", status: number == 3 ? 404 : 200))
        }
        await writer.flush()
        #expect(await changes.next() == 5)
        #expect(try await store.newestId() == 5)
        func ids(
            after id: Int64,
            keyId: String? = nil,
            limit: Int = 10,
            _ query: LogQuery = LogQuery()
        ) async throws
            -> [String]
        {
            try await store.entries(after: id, matching: query, keyId: keyId, limit: limit).map(\.requestId)
        }
        #expect(try await ids(after: 2) == ["r3", "r4", "r5"])
        #expect(try await ids(after: 0, limit: 2) == ["r1", "r2"])
        #expect(try await ids(after: 1, keyId: "b") == ["r3", "r5"])
        var failed = LogQuery()
        failed.status = .family(4)
        #expect(try await ids(after: 0, failed) == ["r3"])
        #expect(try await ids(after: 5) == [])
    }
}
