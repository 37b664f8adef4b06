// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// Sums over some requests.
///
/// No sum overflows: it stays at the largest number instead.
struct UsageTally: Hashable, Sendable {
    private(set) var requests: Int64 = 0
    private(set) var errors: Int64 = 0
    private(set) var rateLimited: Int64 = 0
    private(set) var bytesIn: Int64 = 0
    private(set) var bytesOut: Int64 = 0
    private(set) var durations = DurationHistogram()

    /// The columns of ``init(row:)``.
    static let columns = "requests, errors, rateLimited, bytesIn, bytesOut, durations"

    /// The codes of refusals at our own limits; an upstream's 429 has another one.
    private static let ownLimits: Set = ["RATE_LIMITED", "QUOTA_EXCEEDED"]

    init() {}

    /// Reads ``columns``, from the first on; what is no number counts as nothing.
    init(row: Row) {
        func number(_ index: Int) -> Int64 { max(0, Int64.fromDatabaseValue(row[index]) ?? 0) }
        (self.requests, self.errors, self.rateLimited) = (number(0), number(1), number(2))
        (self.bytesIn, self.bytesOut) = (number(3), number(4))
        self.durations = DurationHistogram(data: Data.fromDatabaseValue(row[5]) ?? Data())
    }

    /// Their values, as they are stored.
    var values: [DatabaseValue] {
        [self.requests, self.errors, self.rateLimited, self.bytesIn, self.bytesOut].map(\.databaseValue)
            + [self.durations.data.databaseValue]
    }

    /// Counts a request.
    mutating func add(_ entry: LogEntry) {
        Self.add(1, to: &self.requests)
        let isError = entry.status >= 400 || entry.outcome == .failed || entry.outcome == .upstreamCut
        if isError { Self.add(1, to: &self.errors) }
        if entry.code.map(Self.ownLimits.contains) ?? false { Self.add(1, to: &self.rateLimited) }
        Self.add(entry.bytesIn, to: &self.bytesIn)
        Self.add(entry.bytesOut, to: &self.bytesOut)
        self.durations.add(milliseconds: entry.durationMs)
    }

    /// Adds what another one counted.
    mutating func merge(_ other: UsageTally) {
        Self.add(other.requests, to: &self.requests)
        Self.add(other.errors, to: &self.errors)
        Self.add(other.rateLimited, to: &self.rateLimited)
        Self.add(other.bytesIn, to: &self.bytesIn)
        Self.add(other.bytesOut, to: &self.bytesOut)
        self.durations.merge(other.durations)
    }

    private static func add(_ number: Int64, to sum: inout Int64) {
        let (result, overflow) = sum.addingReportingOverflow(max(0, number))
        sum = overflow ? .max : result
    }
}
