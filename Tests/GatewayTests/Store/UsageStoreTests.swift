// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct UsageStoreTests {
    private static let start = Date(timeIntervalSince1970: 1_800_000_000)

    /// Requests over three days, in no order.
    private func filled(_ count: Int = 1200) async throws -> (StoreFixture, [LogEntry]) {
        let fixture = try StoreFixture()
        var source = SeededSource(state: 5)
        let entries = (0..<count).map { number in
            let offset = Double(Int.random(in: 0..<3 * 86_400_000, using: &source)) / 1000
            var entry = fixture.entry("r\(number)", at: Self.start + offset)
            entry.keyId = [nil, "key_1", "key_2"].randomElement(using: &source) ?? nil
            entry.provider = [nil, "anchor", "vagon"].randomElement(using: &source) ?? nil
            entry.status = [200, 206, 404, 429, 502].randomElement(using: &source) ?? 200
            entry.code =
                entry.status == 429 ? ["RATE_LIMITED", "QUOTA_EXCEEDED", "UPSTREAM_RATE_LIMITED"][number % 3] : nil
            entry.outcome = LogEntry.Outcome.allCases.randomElement(using: &source) ?? .complete
            entry.bytesIn = .random(in: 0...1_000_000, using: &source)
            entry.bytesOut = .random(in: 0...1_000_000_000, using: &source)
            entry.durationMs = pow(10, Double.random(in: -1...5, using: &source))
            return entry
        }
        for begin in stride(from: 0, to: count, by: 500) {
            try await fixture.write(Array(entries[begin..<min(begin + 500, count)]))
        }
        return (fixture, entries)
    }

    /// The name of the group of an entry.
    private func name(_ entry: LogEntry, _ groupBy: Set<UsageQuery.Field>) -> String {
        let seconds = Int(entry.time.timeIntervalSince1970.rounded(.down))
        return UsageQuery.Field.allCases.filter(groupBy.contains)
            .map { field in
                switch field {
                case .key: entry.keyId ?? "-"
                case .provider: entry.provider ?? "-"
                case .day: "\(seconds / 86_400)"
                case .hour: "\(seconds / 3600)"
                }
            }
            .joined(separator: " ")
    }

    private func name(_ row: UsageRow, _ groupBy: Set<UsageQuery.Field>) -> String {
        UsageQuery.Field.allCases.filter(groupBy.contains)
            .map { field in
                switch field {
                case .key: row.key ?? "-"
                case .provider: row.provider ?? "-"
                case .day: "\(Int(row.day?.timeIntervalSince1970 ?? 0) / 86_400)"
                case .hour: "\(Int(row.hour?.timeIntervalSince1970 ?? 0) / 3600)"
                }
            }
            .joined(separator: " ")
    }

    private func compare(_ row: UsageRow, _ entries: [LogEntry]) {
        #expect(row.requests == Int64(entries.count))
        let errors = entries.filter { $0.status >= 400 || [.failed, .upstreamCut].contains($0.outcome) }
        #expect(row.errors == Int64(errors.count))
        let limited = entries.filter { ["RATE_LIMITED", "QUOTA_EXCEEDED"].contains($0.code) }
        #expect(row.rateLimited == Int64(limited.count))
        #expect(row.bytesIn == entries.reduce(0) { $0 + $1.bytesIn })
        #expect(row.bytesOut == entries.reduce(0) { $0 + $1.bytesOut })
        let durations = entries.map(\.durationMs).sorted()
        for (part, found) in [(0.5, row.p50), (0.95, row.p95), (0.99, row.p99)] {
            guard !durations.isEmpty else {
                #expect(found == nil)
                continue
            }
            let exact = durations[Int((Double(durations.count) * part).rounded(.up)) - 1]
            #expect(abs((found ?? 0) - exact) <= exact * 0.02)
        }
    }

    @Test(
        arguments: [
            [], [.key], [.provider], [.day], [.hour], [.key, .provider], [.day, .key], [.hour, .day, .key, .provider],
        ] as [Set<UsageQuery.Field>]
    )
    func isWhatCountingTheLogGives(_ groupBy: Set<UsageQuery.Field>) async throws {
        let (fixture, entries) = try await self.filled()
        let times: [(Date?, Date?)] = [
            (nil, nil), (Self.start + 4000, nil), (nil, Self.start + 200_000.5),
            // Within an hour, over the end of one, to the very millisecond of an entry, over a whole day, none at all.
            (Self.start + 100, Self.start + 900), (Self.start + 3000, Self.start + 4000),
            (entries[0].time, entries[0].time), (Self.start + 5000, Self.start + 230_000),
            (Self.start + 57_600, Self.start + 143_999.999), (Self.start + 9000, Self.start + 8000),
        ]
        for (since, until) in times {
            let asked = UsageQuery(groupBy: groupBy, since: since, until: until)
            let rows = try #require(try await UsageStore(fixture.store).rows(asked))
            let chosen = entries.filter { ($0.time >= since ?? .distantPast) && ($0.time <= until ?? .distantFuture) }
            let expected = Dictionary(grouping: chosen) { self.name($0, groupBy) }
            #expect(rows.count == (groupBy.isEmpty ? 1 : expected.count), "\(asked)")
            for row in rows { self.compare(row, expected[self.name(row, groupBy)] ?? []) }
            #expect(Set(rows.map { self.name($0, groupBy) }).count == rows.count)
        }
    }

    @Test func theLatestIsFirstThenByName() async throws {
        let (fixture, _) = try await self.filled()
        let query = UsageQuery(groupBy: [.day, .key, .provider])
        let rows = try #require(try await UsageStore(fixture.store).rows(query))
        let names = rows.map {
            "\(9_999_999_999 - Int($0.day?.timeIntervalSince1970 ?? 0)) \($0.key ?? "~") \($0.provider ?? "~")"
        }
        #expect(names == names.sorted() && names.count == 36)
    }

    @Test func aNarrowedCallerSeesItsOwnOnly() async throws {
        let (fixture, entries) = try await self.filled()
        for since in [nil, Self.start + 5000] {
            let query = UsageQuery(groupBy: [.key], since: since)
            let rows = try #require(try await UsageStore(fixture.store).rows(query, keyId: "key_2"))
            #expect(rows.map(\.key) == ["key_2"])
            let own = entries.filter { $0.keyId == "key_2" && $0.time >= since ?? .distantPast }
            for row in rows { self.compare(row, own) }
        }
        #expect(try await UsageStore(fixture.store).rows(UsageQuery(groupBy: [.key]), keyId: "nobody")?.isEmpty == true)
        #expect(try await UsageStore(fixture.store).rows(UsageQuery(), keyId: "key_3")?.first?.requests == 0)
    }

    @Test func sumsDoNotOverflow() async throws {
        let fixture = try StoreFixture()
        var entry = fixture.entry("r")
        (entry.bytesIn, entry.bytesOut) = (-5, .max)
        for _ in 0..<2 { try await fixture.write([entry, entry]) }
        let row = try await UsageStore(fixture.store).rows(UsageQuery())?.first
        #expect(row?.bytesOut == .max && row?.bytesIn == 0 && row?.requests == 4)
    }

    @Test func tooManyRowsAreRefused() async throws {
        let fixture = try StoreFixture()
        try await fixture.write(
            (0...UsageStore.mostRows).map { number in
                var entry = fixture.entry("r")
                entry.keyId = "key_\(number)"
                return entry
            }
        )
        let usage = UsageStore(fixture.store)
        #expect(try await usage.rows(UsageQuery(groupBy: [.key])) == nil)
        #expect(try await usage.rows(UsageQuery(groupBy: [.key], until: fixture.time.now)) == nil)
        #expect(try await usage.rows(UsageQuery(groupBy: [.provider]))?.count == 1)
    }

    @Test func hoursAndDaysBeginWhereTheyShould() {
        for time in [0, 1, -1, 3_599_999, 3_600_000, -3_600_000, 1_800_000_000_123, -62_135_596_800_000] as [Int64] {
            for span in [UsageSpan.hour, .day] {
                let (start, next) = (span.start(of: time), span.next(from: time))
                #expect(start <= time && time < start + span.rawValue && start % span.rawValue == 0)
                #expect(next >= time && next - span.rawValue < time && next % span.rawValue == 0)
            }
        }
    }
}
