// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// Answers who used what, from sums that are kept while the log is written.
///
/// Whole days and hours come from the sums; of an hour that a query begins or ends within, the log itself is read. So counts
/// are exact for any time, and percentiles are at most one percent off.
public struct UsageStore: Sendable {
    private struct Group: Hashable {
        var key: String?
        var provider: String?
        var day: Int64?
        var hour: Int64?
    }

    /// A piece of the time that is asked about.
    private struct Piece {
        /// From where; `nil`: from the log itself.
        let span: UsageSpan?
        let times: Range<Int64>
    }

    private let pool: DatabasePool

    /// The most rows of an answer.
    public static let mostRows = 10_000

    /// The usage in `store`.
    public init(_ store: Store) { self.pool = store.logs }

    /// The sums; the latest time first, then by key and provider.
    ///
    /// `nil` where there are more than ``mostRows``. Of requests with `keyId` only, where the caller may see no others.
    public func rows(_ query: UsageQuery, keyId: String? = nil) async throws(StoreError) -> [UsageRow]? {
        do {
            return try await self.pool.read { database in
                var groups: [Group: UsageTally] = query.groupBy.isEmpty ? [Group(): UsageTally()] : [:]
                for piece in Self.pieces(of: query) {
                    try Self.add(piece, query, keyId, to: &groups, in: database)
                    guard groups.count <= Self.mostRows else { return nil }
                }
                return groups.sorted { Self.isBefore($0.key, $1.key) }.map(Self.row)
            }
        } catch {
            throw StoreError(error, path: self.pool.path)
        }
    }

    /// Cuts the time into whole days, whole hours, and what is left.
    private static func pieces(of query: UsageQuery) -> [Piece] {
        // The first and the last day that a log entry can have.
        let start = query.since?.milliseconds ?? -62_135_596_800_000
        let end = query.until.map { $0.milliseconds + 1 } ?? 253_402_300_800_000
        var pieces: [Piece] = []
        func cut(_ times: Range<Int64>, _ spans: ArraySlice<UsageSpan>) {
            guard !times.isEmpty else { return }
            guard let span = spans.first else { return pieces.append(Piece(span: nil, times: times)) }
            let (first, last) = (span.next(from: times.lowerBound), span.start(of: times.upperBound))
            guard first < last else { return cut(times, spans.dropFirst()) }
            cut(times.lowerBound..<first, spans.dropFirst())
            pieces.append(Piece(span: span, times: first..<last))
            cut(last..<times.upperBound, spans.dropFirst())
        }
        cut(start..<max(start, end), query.groupBy.contains(.hour) ? [.hour] : [.day, .hour])
        return pieces
    }

    private static func add(
        _ piece: Piece,
        _ query: UsageQuery,
        _ keyId: String?,
        to groups: inout [Group: UsageTally],
        in database: Database
    ) throws {
        guard let span = piece.span else { return try Self.addEntries(piece, query, keyId, to: &groups, in: database) }
        let sql = """
            SELECT \(UsageTally.columns), start, keyId, provider FROM usage
            WHERE span = ? AND start >= ? AND start < ?\(keyId == nil ? "" : " AND keyId = ?")
            """
        var arguments: StatementArguments = [span.rawValue, piece.times.lowerBound, piece.times.upperBound]
        if let keyId { arguments += [keyId] }
        let rows = try Row.fetchCursor(database, sql: sql, arguments: arguments)
        while let row = try rows.next() {
            let group = Self.group(
                time: Int64.fromDatabaseValue(row[6]) ?? 0,
                key: String.fromDatabaseValue(row[7]),
                provider: String.fromDatabaseValue(row[8]),
                query
            )
            groups[group, default: UsageTally()].merge(UsageTally(row: row))
            guard groups.count <= Self.mostRows else { return }
        }
    }

    /// Reads the log, of at most one hour.
    private static func addEntries(
        _ piece: Piece,
        _ query: UsageQuery,
        _ keyId: String?,
        to groups: inout [Group: UsageTally],
        in database: Database
    ) throws {
        var search = LogQuery()
        search.since = Date(milliseconds: piece.times.lowerBound)
        search.until = Date(milliseconds: piece.times.upperBound - 1)
        let rows = try LogSearch(search, keyId: keyId, in: database).cursor(database)
        while let entry = try rows.next()?.entry {
            let group = Self.group(time: entry.time.milliseconds, key: entry.keyId, provider: entry.provider, query)
            groups[group, default: UsageTally()].add(entry)
            guard groups.count <= Self.mostRows else { return }
        }
    }

    private static func group(time: Int64, key: String?, provider: String?, _ query: UsageQuery) -> Group {
        var group = Group()
        if query.groupBy.contains(.key) { group.key = key?.isEmpty == true ? nil : key }
        if query.groupBy.contains(.provider) { group.provider = provider?.isEmpty == true ? nil : provider }
        if query.groupBy.contains(.day) { group.day = UsageSpan.day.start(of: time) }
        if query.groupBy.contains(.hour) { group.hour = UsageSpan.hour.start(of: time) }
        return group
    }

    /// The latest first; within a time by name, what has none last.
    private static func isBefore(_ first: Group, _ second: Group) -> Bool {
        if first.day != second.day { return first.day ?? 0 > second.day ?? 0 }
        if first.hour != second.hour { return first.hour ?? 0 > second.hour ?? 0 }
        if first.key != second.key { return first.key.map { key in second.key.map { key < $0 } ?? true } ?? false }
        return first.provider.map { name in second.provider.map { name < $0 } ?? true } ?? false
    }

    private static func row(_ group: Group, _ tally: UsageTally) -> UsageRow {
        var row = UsageRow(tally)
        (row.key, row.provider) = (group.key, group.provider)
        (row.day, row.hour) = (Date(milliseconds: group.day), Date(milliseconds: group.hour))
        return row
    }
}
