// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Which sums over the log are wanted.
public struct UsageQuery: Hashable, Sendable {
    /// What rows can be grouped by.
    public enum Field: String, Hashable, Sendable, CaseIterable {
        /// Who called.
        case key
        /// What it was about.
        case provider
        /// The UTC day.
        case day
        /// The hour.
        case hour
    }

    /// What tells two rows apart; empty: there is one row.
    public var groupBy: Set<Field>
    /// Of requests at this time or later.
    public var since: Date?
    /// Of requests at this time or before.
    public var until: Date?

    /// Creates a query.
    public init(groupBy: Set<Field> = [], since: Date? = nil, until: Date? = nil) {
        self.groupBy = groupBy
        self.since = since
        self.until = until
    }
}

/// Sums over the requests that have the grouped fields in common.
public struct UsageRow: Sendable {
    /// ``Caller/id``; `nil` where nobody was recognised, or it is not grouped by.
    public var key: String?
    /// The provider; `nil` where there was none, or it is not grouped by.
    public var provider: String?
    /// When the day began; `nil` where it is not grouped by.
    public var day: Date?
    /// When the hour began; `nil` where it is not grouped by.
    public var hour: Date?
    /// Requests, and what of them failed or was refused, and what of that was over a limit of ours.
    public let requests, errors, rateLimited: Int64
    /// Body bytes.
    public let bytesIn, bytesOut: Int64
    /// Durations in milliseconds that so many percent of the requests did not exceed; `nil` where there was none.
    public let p50, p95, p99: Double?

    init(_ tally: UsageTally) {
        (self.requests, self.errors, self.rateLimited) = (tally.requests, tally.errors, tally.rateLimited)
        (self.bytesIn, self.bytesOut) = (tally.bytesIn, tally.bytesOut)
        self.p50 = tally.durations.percentile(0.5)
        self.p95 = tally.durations.percentile(0.95)
        self.p99 = tally.durations.percentile(0.99)
    }
}
