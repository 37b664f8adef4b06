// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import Testing

@testable import Gateway

@Suite struct LogStoreTests {
    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    /// Twenty entries, a second apart, that differ in every field that can be filtered by.
    private func filled() async throws -> (StoreFixture, LogStore) {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let writer = LogWriter(journal: fixture.journal, logger: logger)
        for number in 0..<20 {
            var entry = LogEntry(
                time: self.start.addingTimeInterval(Double(number)),
                requestId: "r\(number)",
                method: number % 2 == 0 ? "GET" : "DELETE",
                target: "/v1/downloads",
                status: [200, 204, 404, 429, 502][number % 5],
                outcome: .complete
            )
            entry.keyId = number < 15 ? "key_\(number % 3)" : nil
            entry.provider = number % 4 == 0 ? "vagon" : nil
            entry.sessionId = "s\(number % 7)"
            entry.downloadId = "dl_\(number)"
            entry.code = number % 5 == 2 ? "NOT_FOUND" : nil
            writer.record(entry)
        }
        await writer.flush()
        return (fixture, store)
    }

    private func numbers(
        _ store: LogStore,
        keyId: String? = nil,
        _ change: (inout LogQuery) -> Void
    ) async throws -> [Int] {
        var query = LogQuery()
        change(&query)
        return try await store.page(query, keyId: keyId).entries.compactMap { Int($0.requestId.dropFirst()) }
    }

    @Test func newestFirst() async throws {
        let (fixture, store) = try await self.filled()
        #expect(try await self.numbers(store) { _ in } == (0..<20).reversed())
        withExtendedLifetime(fixture) {}
    }

    @Test func everyFilterNarrows() async throws {
        let (fixture, store) = try await self.filled()
        #expect(try await self.numbers(store) { $0.key = "key_1" } == [13, 10, 7, 4, 1])
        #expect(try await self.numbers(store) { $0.provider = "vagon" } == [16, 12, 8, 4, 0])
        #expect(try await self.numbers(store) { $0.sessionId = "s6" } == [13, 6])
        #expect(try await self.numbers(store) { $0.downloadId = "dl_3" } == [3])
        #expect(try await self.numbers(store) { $0.method = "DELETE" }.count == 10)
        #expect(try await self.numbers(store) { $0.status = .exact(404) } == [17, 12, 7, 2])
        #expect(try await self.numbers(store) { $0.status = .family(4) } == [18, 17, 13, 12, 8, 7, 3, 2])
        #expect(try await self.numbers(store) { $0.code = "NOT_FOUND" } == [17, 12, 7, 2])
        #expect(try await self.numbers(store) { $0.requestId = "r5" } == [5])
        #expect(try await self.numbers(store) { $0.since = self.start + 17 } == [19, 18, 17])
        #expect(try await self.numbers(store) { $0.until = self.start + 2 } == [2, 1, 0])
        withExtendedLifetime(fixture) {}
    }

    @Test func filtersCombine() async throws {
        let (fixture, store) = try await self.filled()
        let found = try await self.numbers(store) { query in
            query.method = "GET"
            query.status = .family(4)
            query.since = self.start + 5
        }
        #expect(found == [18, 12, 8])
        withExtendedLifetime(fixture) {}
    }

    @Test func aNarrowedCallerSeesItsOwnOnlyWhateverItAsks() async throws {
        let (fixture, store) = try await self.filled()
        #expect(try await self.numbers(store, keyId: "key_1") { _ in } == [13, 10, 7, 4, 1])
        #expect(try await self.numbers(store, keyId: "key_1") { $0.key = "key_2" } == [])
        #expect(try await self.numbers(store, keyId: "nobody") { _ in } == [])
        withExtendedLifetime(fixture) {}
    }

    @Test func pagesHoldEverythingOnceWhileMoreIsLogged() async throws {
        let (fixture, store) = try await self.filled()
        let writer = LogWriter(
            journal: fixture.journal,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        var query = LogQuery()
        query.limit = 6
        var seen: [String] = []
        for _ in 0..<10 {
            let page = try await store.page(query)
            seen += page.entries.map(\.requestId)
            writer.record(
                LogEntry(
                    time: self.start,
                    requestId: "new",
                    method: "GET",
                    target: "/",
                    status: 200,
                    outcome: .complete
                )
            )
            await writer.flush()
            query.cursor = page.nextCursor
            if page.nextCursor == nil { break }
        }
        #expect(seen == (0..<20).reversed().map { "r\($0)" })
        withExtendedLifetime(fixture) {}
    }

    @Test func theLastPageHasNoCursor() async throws {
        let (fixture, store) = try await self.filled()
        var query = LogQuery()
        query.limit = 20
        #expect(try await store.page(query).nextCursor == nil)
        query.limit = 19
        #expect(try await store.page(query).nextCursor != nil)
        withExtendedLifetime(fixture) {}
    }

    @Test(arguments: ["' OR 1=1 --", "%", "*", "\u{0}", "x' UNION SELECT * FROM log --"])
    func filtersAreBound(attack: String) async throws {
        let (fixture, store) = try await self.filled()
        #expect(try await self.numbers(store) { $0.provider = attack } == [])
        #expect(try await self.numbers(store, keyId: attack) { _ in } == [])
        withExtendedLifetime(fixture) {}
    }

    @Test func writesNoTextWithoutBound() async throws {
        let (fixture, store) = try await self.filled()
        let writer = LogWriter(
            journal: fixture.journal,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let long = String(repeating: "x", count: 100_000)
        var entry = LogEntry(
            time: self.start,
            requestId: "r99",
            method: long,
            target: long,
            status: 400,
            outcome: .refused
        )
        (entry.userAgent, entry.sessionId, entry.downloadId, entry.address) = (long, long, long, long)
        writer.record(entry)
        await writer.flush()
        let written = try #require(try await store.page(LogQuery()).entries.first)
        for text in [written.method, written.userAgent, written.sessionId, written.downloadId, written.address] {
            #expect(text?.utf8.count == 1024)
        }
        #expect(written.path.utf8.count == 2048)
        withExtendedLifetime(fixture) {}
    }
}
