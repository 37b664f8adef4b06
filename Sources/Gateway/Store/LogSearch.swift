// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// A query of the log as SQL that needs no more of the log than one index can give it in order.
struct LogSearch {
    /// The conditions; only fixed text, whatever a caller chose is an argument.
    private(set) var conditions: [String] = []
    private(set) var arguments: StatementArguments = []
    private var hasIndex = false

    /// What `query` means, of the entries with `keyId` where that is not `nil`, after entry number `id`.
    init(_ query: LogQuery, keyId: String?, after id: Int64? = nil, in database: Database) throws {
        // The most telling first: the first of them that is there finds the rows, the others filter.
        self.match("requestId", query.requestId)
        self.match("downloadId", query.downloadId)
        self.match("sessionId", query.sessionId)
        self.match("keyId", query.key)
        self.match("keyId", keyId)
        self.match("code", query.code)
        self.match("provider", query.provider)
        switch query.status {
        case .exact(let status): self.match("status", status)
        case .family(let digit): self.match("status / 100", digit)
        case nil: break
        }
        // The index of methods is without the commonest, and SQLite must be told that it will do.
        if let method = query.method, method != "GET" { self.conditions.append("method <> 'GET'") }
        self.match("method", query.method)
        self.require("id < ?", query.cursor?.id)
        self.require("id > ?", id)
        try self.requireTimes(query, in: database)
    }

    private mutating func match(_ column: String, _ value: (any DatabaseValueConvertible)?) {
        guard let value else { return }
        // A plus in front of a column keeps SQLite from using its index instead of the better one.
        self.conditions.append("\(self.hasIndex ? "+" : "")(\(column)) = ?")
        self.arguments += [value]
        self.hasIndex = true
    }

    private mutating func require(_ condition: String, _ value: (any DatabaseValueConvertible)?) {
        guard let value else { return }
        self.conditions.append(condition)
        self.arguments += [value]
    }

    /// Entries of a time lie within the numbers of its hours.
    private mutating func requireTimes(_ query: LogQuery, in database: Database) throws {
        if let since = query.since?.milliseconds {
            let sql = "SELECT min(minId) FROM log_hour WHERE hour >= ?"
            let first = try Int64.fetchOne(database, sql: sql, arguments: [UsageSpan.hour.start(of: since)])
            self.require("id >= ?", first ?? .max)
            self.require("+time >= ?", since)
        }
        if let until = query.until?.milliseconds {
            let sql = "SELECT max(maxId) FROM log_hour WHERE hour <= ?"
            let last = try Int64.fetchOne(database, sql: sql, arguments: [UsageSpan.hour.start(of: until)])
            self.require("id <= ?", last ?? 0)
            self.require("+time <= ?", until)
        }
    }

    /// The statement for ``rows(_:order:limit:)``.
    func sql(order: String) -> String {
        let filter = self.conditions.isEmpty ? "" : " WHERE " + self.conditions.joined(separator: " AND ")
        return "SELECT * FROM log\(filter) ORDER BY id \(order) LIMIT ?"
    }

    /// What it finds, by number; `order` is `ASC` or `DESC`.
    func rows(_ database: Database, order: String, limit: Int) throws -> [LogRecord] {
        try LogRecord.fetchAll(database, sql: self.sql(order: order), arguments: self.arguments + [limit])
    }

    /// What it finds, one after the other, by number.
    func cursor(_ database: Database) throws -> RecordCursor<LogRecord> {
        try LogRecord.fetchCursor(database, sql: self.sql(order: "ASC"), arguments: self.arguments + [-1])
    }
}
