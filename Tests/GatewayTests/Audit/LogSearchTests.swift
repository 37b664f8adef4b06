// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Testing

@testable import Gateway

/// A page of the log needs no more of it than the page itself, however long the log is.
@Suite struct LogSearchTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func plan(keyId: String? = nil, _ change: (inout LogQuery) -> Void) async throws -> [String] {
        let fixture = try StoreFixture()
        try await fixture.write([fixture.entry("r1")])
        var query = LogQuery()
        change(&query)
        return try await fixture.store.logs.read { [query] database in
            let search = try LogSearch(query, keyId: keyId, in: database)
            let sql = "EXPLAIN QUERY PLAN " + search.sql(order: "DESC")
            return try Row.fetchAll(database, sql: sql, arguments: search.arguments + [101]).map { $0["detail"] }
        }
    }

    @Test func everyFilterHasItsIndexInTheOrderOfThePage() async throws {
        let filters: [(String, (inout LogQuery) -> Void)] = [
            ("log_keyId", { $0.key = "x" }), ("log_provider", { $0.provider = "x" }),
            ("log_downloadId", { $0.downloadId = "x" }), ("log_sessionId", { $0.sessionId = "x" }),
            ("log_status", { $0.status = .exact(404) }), ("log_family", { $0.status = .family(4) }),
            ("log_code", { $0.code = "x" }), ("log_requestId", { $0.requestId = "x" }),
            ("log_method", { $0.method = "DELETE" }), ("INTEGER PRIMARY KEY", { $0.since = Self.now }),
            ("INTEGER PRIMARY KEY", { $0.until = Self.now }),
            ("INTEGER PRIMARY KEY", { $0.cursor = LogQuery.Cursor(id: 7) }),
        ]
        for (index, filter) in filters {
            let plan = try await self.plan(filter)
            #expect(plan.count == 1 && plan[0].hasPrefix("SEARCH log USING"), "\(index): \(plan)")
            #expect(plan.first?.contains(index) == true, "\(index): \(plan)")
        }
    }

    @Test func theMostTellingFilterFindsTheOthersNarrow() async throws {
        let combined: [(String, (inout LogQuery) -> Void)] = [
            ("log_requestId", { ($0.requestId, $0.status) = ("x", .family(2)) }),
            ("log_downloadId", { ($0.downloadId, $0.provider, $0.code) = ("x", "y", "z") }),
            ("log_sessionId", { ($0.sessionId, $0.method, $0.since) = ("x", "DELETE", Self.now) }),
            ("log_keyId", { ($0.key, $0.provider, $0.until) = ("x", "y", Self.now) }),
            ("log_provider", { ($0.provider, $0.method, $0.cursor) = ("x", "GET", LogQuery.Cursor(id: 9)) }),
        ]
        for (index, filter) in combined {
            let plan = try await self.plan(keyId: index == "log_provider" ? nil : "own", filter)
            #expect(plan.count == 1 && plan[0].hasPrefix("SEARCH log USING INDEX \(index)"), "\(index): \(plan)")
        }
    }

    @Test func whatIsNotIndexedIsReadFromTheNewestOn() async throws {
        for filter in [{ _ in }, { $0.method = "GET" }] as [(inout LogQuery) -> Void] {
            let plan = try await self.plan(filter)
            #expect(plan == ["SCAN log"])
        }
    }

    @Test func timesFindEntriesThatWereWrittenInAnotherOrder() async throws {
        let fixture = try StoreFixture()
        let offsets = [0, 9000, 100, 3600, 7200, 50, 20_000]
        try await fixture.write(offsets.map { fixture.entry("\($0)", at: Self.now + Double($0)) })
        func found(_ since: Double?, _ until: Double?) async throws -> [Int] {
            var query = LogQuery()
            query.since = since.map { Self.now + $0 }
            query.until = until.map { Self.now + $0 }
            return try await LogStore(fixture.store).page(query).entries.compactMap { Int($0.requestId) }
        }
        #expect(try await found(50, 100) == [50, 100])
        #expect(try await found(3600, 9000) == [7200, 3600, 9000])
        #expect(try await found(9001, nil) == [20_000])
        #expect(try await found(nil, 49) == [0])
        #expect(try await found(20_001, nil) == [])
        #expect(try await found(nil, -1) == [])
        #expect(try await found(nil, nil) == offsets.reversed())
    }
}
