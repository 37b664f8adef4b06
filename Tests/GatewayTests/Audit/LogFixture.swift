// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

@testable import Gateway

extension StoreFixture {
    /// An entry with a value in every field that may be empty.
    func entry(_ requestId: String, at time: Date? = nil) -> LogEntry {
        var entry = LogEntry(
            time: time ?? self.time.now,
            requestId: requestId,
            method: "GET",
            target: "/v1/downloads",
            status: 200,
            outcome: .complete
        )
        entry.keyId = "key_1"
        entry.caller = "a test"
        entry.route = "/v1/downloads"
        entry.code = "NOT_FOUND"
        entry.provider = "vagon"
        entry.sessionId = "s1"
        entry.downloadId = "dl_1"
        (entry.bytesIn, entry.bytesOut, entry.durationMs) = (1, 2, 3)
        entry.timings.auth = 0.25
        entry.address = "192.0.2.1"
        entry.userAgent = "curl/8"
        return entry
    }

    /// Writes entries in one transaction.
    func write(_ entries: [LogEntry], by journal: LogJournal? = nil) async throws {
        _ = try await (journal ?? self.journal).append(taking: { entries }, orReturning: { _ in })
    }

    /// Writes as somebody does who has the file, but no key.
    func tamper(_ sql: String) async throws {
        try await self.store.logs.write { try $0.execute(sql: sql) }
    }

    /// All numbers in the log.
    func ids() async throws -> [Int64] {
        try await self.store.logs.read { try Int64.fetchAll($0, sql: "SELECT id FROM log ORDER BY id") }
    }
}
