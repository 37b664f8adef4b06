// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// A row of `log`.
struct LogRecord: Sendable {
    let id: Int64
    let entry: LogEntry

    /// Writes an entry; the database numbers it.
    static func insert(_ entry: LogEntry, into database: Database) throws {
        let sql = """
            INSERT INTO log (time, requestId, keyId, caller, method, route, path, status, code, outcome, provider, sessionId,
                downloadId, bytesIn, bytesOut, durationMs, timings, address, userAgent)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        let timings = String(decoding: try JSONEncoder().encode(entry.timings.finite), as: UTF8.self)
        let arguments: StatementArguments = [
            entry.time.milliseconds, entry.requestId, entry.keyId, entry.caller, entry.method, entry.route, entry.path,
            entry.status, entry.code, entry.outcome.rawValue, entry.provider, entry.sessionId, entry.downloadId,
            entry.bytesIn, entry.bytesOut, entry.durationMs.isFinite ? entry.durationMs : 0, timings, entry.address,
            entry.userAgent,
        ]
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }
}

extension LogRecord: FetchableRecord {
    init(row: Row) throws {
        let id: Int64 = row["id"]
        var entry = LogEntry(
            time: Date(milliseconds: row["time"]) ?? .distantPast,
            requestId: row["requestId"],
            method: row["method"],
            redactedPath: row["path"],
            status: row["status"],
            outcome: LogEntry.Outcome(rawValue: row["outcome"]) ?? .failed
        )
        entry.id = "log_\(id)"
        entry.keyId = row["keyId"]
        entry.caller = row["caller"]
        entry.route = row["route"]
        entry.code = row["code"]
        entry.provider = row["provider"]
        entry.sessionId = row["sessionId"]
        entry.downloadId = row["downloadId"]
        entry.bytesIn = row["bytesIn"]
        entry.bytesOut = row["bytesOut"]
        entry.durationMs = row["durationMs"]
        let timings: String? = row["timings"]
        entry.timings =
            timings.flatMap { try? JSONDecoder().decode(LogEntry.Timings.self, from: Data($0.utf8)) } ?? .init()
        entry.address = row["address"]
        entry.userAgent = row["userAgent"]
        entry.hash = row["hash"]
        self.id = id
        self.entry = entry
    }
}

extension LogEntry.Timings {
    /// Without what JSON cannot hold.
    fileprivate var finite: Self {
        func finite(_ value: Double?) -> Double? { value?.isFinite == true ? value : nil }
        return Self(
            auth: finite(self.auth),
            limit: finite(self.limit),
            cache: finite(self.cache),
            upstream: finite(self.upstream),
            body: finite(self.body)
        )
    }
}
