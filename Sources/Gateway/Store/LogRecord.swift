// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// A row of `log`.
struct LogRecord: Sendable {
    let id: Int64
    let entry: LogEntry

    /// All columns but the hash, in the order of the table; the hash is over them.
    static let columns = [
        "id", "time", "requestId", "keyId", "caller", "method", "route", "path", "status", "code", "outcome",
        "provider",
        "sessionId", "downloadId", "bytesIn", "bytesOut", "durationMs", "timings", "address", "userAgent",
    ]

    private static let insertion = """
        INSERT INTO log (\(columns.joined(separator: ", ")), hash)
        VALUES (\(Array(repeating: "?", count: columns.count + 1).joined(separator: ", ")))
        """

    /// Writes an entry as number `id` after one with the hash `previous`; its own hash.
    static func insert(
        _ entry: LogEntry,
        id: Int64,
        after previous: Data,
        _ chain: LogChain,
        into database: Database
    ) throws -> Data {
        let values = Self.values(of: entry, id: id)
        let hash = chain.hash(of: values, after: previous)
        let statement = try database.cachedStatement(sql: Self.insertion)
        // One by one: a list of arguments takes as long as the hash.
        statement.setUncheckedArguments(StatementArguments())
        for (index, value) in zip(CInt(1)..., values + [hash.databaseValue]) {
            let code = value.bind(to: statement.sqliteStatement, at: index)
            guard code == ResultCode.SQLITE_OK.rawValue else {
                throw DatabaseError(resultCode: ResultCode(rawValue: code))
            }
        }
        try statement.execute()
        return hash
    }

    /// The values of ``columns``, as they will be read back.
    private static func values(of entry: LogEntry, id: Int64) -> [DatabaseValue] {
        // SQLite has no negative zero and keeps no NaN.
        let duration = entry.durationMs.isFinite ? entry.durationMs + 0.0 : 0.0
        // One by one: a list of `any DatabaseValueConvertible` would box each.
        return [
            id.databaseValue, entry.time.milliseconds.databaseValue, entry.requestId.databaseValue,
            entry.keyId.databaseValue, entry.caller.databaseValue, entry.method.databaseValue,
            entry.route.databaseValue, entry.path.databaseValue, entry.status.databaseValue,
            entry.code.databaseValue, entry.outcome.rawValue.databaseValue, entry.provider.databaseValue,
            entry.sessionId.databaseValue, entry.downloadId.databaseValue, entry.bytesIn.databaseValue,
            entry.bytesOut.databaseValue, duration.databaseValue, entry.timings.json.databaseValue,
            entry.address.databaseValue, entry.userAgent.databaseValue,
        ]
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
    /// As they are stored, without what JSON cannot hold; an encoder for each entry would cost more than all else of it.
    fileprivate var json: String {
        let times = [
            ("auth", self.auth), ("limit", self.limit), ("cache", self.cache), ("upstream", self.upstream),
            ("body", self.body),
        ]
        var text = "{"
        for (name, time) in times {
            guard let time, time.isFinite else { continue }
            text += (text.utf8.count > 1 ? ",\"" : "\"") + name + "\":" + time.description
        }
        return text + "}"
    }
}
