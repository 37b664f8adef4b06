// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// `sluice usage`: who used what, with or without a running server.
struct Usage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print sums over the request log.",
        discussion: """
            Requests, errors, what limits refused, bytes, and the percentiles of durations in milliseconds.

            EXAMPLES
              sluice usage --group-by day,key --since 2026-11-01
              sluice usage --group-by provider --json
            """
    )

    @Option(help: "A comma list of key, provider, day, hour; without it, one row for all.")
    var groupBy: String?

    @Option(help: "Only from this time on.")
    var since: String?

    @Option(help: "Only up to this time.")
    var until: String?

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let query = UsageQuery(
            groupBy: try self.fields(),
            since: try Self.time(self.since),
            until: try Self.time(self.until)
        )
        let (store, _) = try self.options.store()
        guard let rows = try await UsageStore(store).rows(query) else {
            throw ValidationError(
                "That gives more than \(UsageStore.mostRows) rows: group by less, or narrow the time."
            )
        }
        let shown = rows.map { UsageRepresentation(row: $0, groupBy: query.groupBy) }
        if self.options.json { return try Terminal.printJSON(["usage": shown]) }
        let titles = UsageRepresentation.columns(query.groupBy).map { $0.uppercased() }
        Terminal.printTable([titles] + shown.map { $0.cells.map { $0 ?? "-" } })
    }

    private func fields() throws -> Set<UsageQuery.Field> {
        let names = self.groupBy?.split(separator: ",").map(String.init) ?? []
        return Set(
            try names.map { name in
                guard let field = UsageQuery.Field(rawValue: name) else {
                    throw ValidationError("'\(name)' is none of key, provider, day, hour.")
                }
                return field
            }
        )
    }

    private static func time(_ text: String?) throws -> Date? {
        guard let text else { return nil }
        guard let date = RFC3339.parse(text) else { throw ValidationError("'\(text)' is no time.") }
        return date
    }
}
