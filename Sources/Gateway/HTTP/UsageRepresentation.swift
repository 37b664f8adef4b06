// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// The usage row of the contract, as JSON.
public struct UsageRepresentation: Encodable {
    let row: UsageRow
    let groupBy: Set<UsageQuery.Field>

    /// Represents a row of an answer that is grouped so.
    public init(row: UsageRow, groupBy: Set<UsageQuery.Field>) {
        self.row = row
        self.groupBy = groupBy
    }

    private enum Key: String, CodingKey {
        case key, provider, day, hour, requests, errors, rateLimited, bytesIn, bytesOut, p50, p95, p99
    }

    /// Writes the grouped fields, `null` where there is no value, and the sums.
    public func encode(to encoder: any Encoder) throws {
        let row = self.row
        var container = encoder.container(keyedBy: Key.self)
        for field in self.groupBy {
            switch field {
            case .key: try container.encode(row.key, forKey: .key)
            case .provider: try container.encode(row.provider, forKey: .provider)
            case .day: try container.encode(row.day.map(RFC3339.format), forKey: .day)
            case .hour: try container.encode(row.hour.map(RFC3339.format), forKey: .hour)
            }
        }
        try container.encode(row.requests, forKey: .requests)
        try container.encode(row.errors, forKey: .errors)
        try container.encode(row.rateLimited, forKey: .rateLimited)
        try container.encode(row.bytesIn, forKey: .bytesIn)
        try container.encode(row.bytesOut, forKey: .bytesOut)
        try container.encode(row.p50?.rounded(toPlaces: 3), forKey: .p50)
        try container.encode(row.p95?.rounded(toPlaces: 3), forKey: .p95)
        try container.encode(row.p99?.rounded(toPlaces: 3), forKey: .p99)
    }

    /// The columns of the CSV form and of a table.
    public static func columns(_ groupBy: Set<UsageQuery.Field>) -> [String] {
        UsageQuery.Field.allCases.filter(groupBy.contains).map(\.rawValue)
            + ["requests", "errors", "rateLimited", "bytesIn", "bytesOut", "p50", "p95", "p99"]
    }

    /// The values of ``columns(_:)``.
    public var cells: [String?] {
        let row = self.row
        let grouped = UsageQuery.Field.allCases.filter(self.groupBy.contains)
            .map { field in
                switch field {
                case .key: row.key
                case .provider: row.provider
                case .day: row.day.map(RFC3339.format)
                case .hour: row.hour.map(RFC3339.format)
                }
            }
        let sums = [row.requests, row.errors, row.rateLimited, row.bytesIn, row.bytesOut].map { String($0) }
        let times = [row.p50, row.p95, row.p99].map { $0.map { "\($0.rounded(toPlaces: 3))" } }
        return grouped + sums + times
    }
}
