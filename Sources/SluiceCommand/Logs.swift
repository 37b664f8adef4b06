// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// `sluice logs`: the newest entries of the request log, with or without a running server.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the newest entries of the request log.")

    @Option(help: "At most so many, 1–1000.")
    var limit: Int = 20

    @Option(help: "Only of this caller.")
    var key: String?

    @Option(help: "Only about this provider.")
    var provider: String?

    @Option(help: "Only with this status, as 404 or 4xx.")
    var status: String?

    @Option(help: "Only from this time on.")
    var since: String?

    @OptionGroup var options: CommonOptions

    func run() async throws {
        var parameters = [(name: "limit", value: String(self.limit))]
        for (name, value) in [
            ("key", self.key), ("provider", self.provider), ("status", self.status), ("since", self.since),
        ] {
            if let value { parameters.append((name, value)) }
        }
        let query: LogQuery
        do throws(LogQuery.Refusal) {
            query = try LogQuery(parameters: parameters)
        } catch {
            guard case .parameters(let problems) = error else { throw ValidationError("The query is not valid.") }
            throw ValidationError(problems.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
        }
        let (store, _) = try self.options.store()
        let entries = try await LogStore(store).page(query).entries
        if self.options.json { return try Terminal.printJSON(["logs": entries.map(LogEntryRepresentation.init)]) }
        Terminal.printTable(
            entries.map { entry in
                [
                    RFC3339.format(entry.time), String(entry.status), entry.outcome.rawValue, entry.method, entry.path,
                    entry.caller ?? "-", "\(entry.bytesOut) B", entry.requestId,
                ]
            }
        )
    }
}
