// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct LogQueryTests {
    private func problems(_ parameters: [(name: String, value: String)]) -> [String] {
        do throws(LogQuery.Refusal) {
            _ = try LogQuery(parameters: parameters)
            return []
        } catch {
            guard case .parameters(let problems) = error else { return ["cursor"] }
            return problems.map(\.field)
        }
    }

    @Test func readsEveryFilter() throws {
        let query = try LogQuery(parameters: [
            ("key", "key_1"), ("provider", "vagon"), ("downloadId", "dl_1"), ("sessionId", "s"), ("method", "get"),
            ("status", "4xx"), ("code", "NOT_FOUND"), ("requestId", "r"), ("since", "2026-11-21"),
            ("until", "2026-11-21T02:24:00 01:00"), ("limit", "1000"), ("cursor", LogQuery.Cursor(id: 7).text),
        ])
        #expect(
            query.key == "key_1" && query.provider == "vagon" && query.downloadId == "dl_1" && query.sessionId == "s"
        )
        #expect(
            query.method == "GET" && query.status == .family(4) && query.code == "NOT_FOUND" && query.requestId == "r"
        )
        #expect(query.since == RFC3339.parse("2026-11-21") && query.until == RFC3339.parse("2026-11-21T01:24:00Z"))
        #expect(query.limit == 1000 && query.cursor?.id == 7)
        #expect(try LogQuery(parameters: []).limit == 100)
    }

    @Test func namesEveryFaultAtOnce() {
        let bad = [
            ("status", "6xx"), ("since", "yesterday"), ("until", "2026-13-01"), ("limit", "0"), ("keys", "x"),
            ("provider", ""),
        ]
        #expect(self.problems(bad.map { (name: $0.0, value: $0.1) }) == bad.map(\.0))
        #expect(self.problems([("key", "a"), ("key", "a")]) == ["key"])
    }

    @Test(arguments: ["404", "4xx", "5XX", "100", "599"]) func readsStatuses(text: String) {
        #expect(LogQuery.Status(text) != nil)
    }

    @Test(arguments: ["", "4", "4x", "4xxx", "0xx", "6xx", "099", "600", "-40", "+40", "é4", "x04", "４０４"])
    func refusesOtherStatuses(text: String) {
        #expect(LogQuery.Status(text) == nil)
    }

    @Test(arguments: ["1001", "-1", "+5", "1.0", "99999999999999999999", "ten"]) func refusesOtherLimits(text: String) {
        #expect(self.problems([("limit", text)]) == ["limit"])
    }

    @Test(arguments: ["x", "bG9nOjA", "bG9nOi0x", "bG9nOisx", "bG9nOjAx", "bG9nOg", "ZG93bjox", "log_1", "bG9nOjE="])
    func refusesForeignCursors(text: String) {
        #expect(LogQuery.Cursor(text) == nil)
        #expect(self.problems([("cursor", text)]) == ["cursor"])
    }

    @Test(arguments: [1, 12345, Int64.max]) func cursorsComeBack(id: Int64) {
        #expect(LogQuery.Cursor(LogQuery.Cursor(id: id).text)?.id == id)
    }
}
