// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// `sluice logs`: reads and proves the request log, with or without a running server.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the newest entries of the request log, or verify it.",
        subcommands: [List.self, Verify.self],
        defaultSubcommand: List.self
    )

    /// `sluice logs list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the newest entries; all filters combine.",
            discussion: """
                Time, status, outcome, method, path, caller, bytes sent and X-Request-Id. The outcome is complete, refused \
                (by the gateway), failed, clientGone or upstreamCut.

                EXAMPLES
                  sluice logs --status 5xx --since 2026-11-21
                  sluice logs --request-id 4f1c... --json
                """
        )

        @Option(help: "At most so many, 1–1000.")
        var limit: Int = 20

        @Option(help: "Only of this caller.")
        var key: String?

        @Option(help: "Only about this provider.")
        var provider: String?

        @Option(help: "Only about this download.")
        var downloadId: String?

        @Option(help: "Only about this session.")
        var sessionId: String?

        @Option(help: "Only with this method.")
        var method: String?

        @Option(help: "Only with this status, as 404 or 4xx.")
        var status: String?

        @Option(help: "Only with the problem of this code.")
        var code: String?

        @Option(help: "Only the request with this id.")
        var requestId: String?

        @Option(help: "Only from this time on.")
        var since: String?

        @Option(help: "Only up to this time.")
        var until: String?

        @Option(help: "Only what is older than the page that ended with this cursor.")
        var cursor: String?

        @OptionGroup var options: CommonOptions

        private struct Page: Encodable {
            let logs: [LogEntryRepresentation]
            let nextCursor: String?
        }

        func run() async throws {
            let query = try self.query()
            let (store, _) = try self.options.store()
            let page = try await LogStore(store).page(query)
            let next = page.nextCursor?.text
            if self.options.json {
                return try Terminal.printJSON(
                    Page(logs: page.entries.map(LogEntryRepresentation.init), nextCursor: next)
                )
            }
            Terminal.printTable(
                page.entries.map { entry in
                    [
                        RFC3339.format(entry.time), String(entry.status), entry.outcome.rawValue, entry.method,
                        entry.path, entry.caller ?? "-", "\(entry.bytesOut) B", entry.requestId,
                    ]
                }
            )
            if let next { Terminal.complain("There is more: --cursor \(next)") }
        }

        private func query() throws -> LogQuery {
            let all = [
                ("key", self.key), ("provider", self.provider), ("downloadId", self.downloadId),
                ("sessionId", self.sessionId), ("method", self.method), ("status", self.status), ("code", self.code),
                ("requestId", self.requestId), ("since", self.since), ("until", self.until), ("cursor", self.cursor),
                ("limit", String(self.limit)),
            ]
            let parameters = all.compactMap { name, value in value.map { (name: name, value: $0) } }
            do throws(LogQuery.Refusal) {
                return try LogQuery(parameters: parameters)
            } catch {
                guard case .parameters(let problems) = error else {
                    throw ValidationError("The cursor is none of the log.")
                }
                throw ValidationError(problems.map { "\($0.field) \($0.message)" }.joined(separator: "; "))
            }
        }
    }

    /// `sluice logs verify`.
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prove that no entry was changed, removed, added or moved; else name it and end with status 1.",
            discussion:
                "Reads the whole log as it is at one moment, and holds nobody up. Run it daily, and after a restore."
        )

        @OptionGroup var options: CommonOptions

        private struct Report: Encodable {
            let sound: Bool
            let entries: Int
            let unchained: Int
            let first: String?
            let last: String?
            let faultCount: Int
            let faults: [String]
        }

        func run() async throws {
            let (store, configuration) = try self.options.store()
            let vault = try await Vault.open(store, configured: configuration.secretKey)
            let result = try await LogJournal(store, masterSecret: vault.root).verify()
            if self.options.json { try Self.printReport(result) } else { Self.printSentences(result) }
            if !result.isSound { throw ExitCode(1) }
        }

        private static func printReport(_ result: LogVerification) throws {
            try Terminal.printJSON(
                Report(
                    sound: result.isSound,
                    entries: result.entries,
                    unchained: result.unchained,
                    first: result.range?.first,
                    last: result.range?.last,
                    faultCount: result.faultCount,
                    faults: result.faults.map(\.description)
                )
            )
        }

        private static func printSentences(_ result: LogVerification) {
            for fault in result.faults { print(fault) }
            let more = result.faultCount - result.faults.count
            if more > 0 { print("… and \(more) more.") }
            let range = result.range.map { ", \($0.first) to \($0.last)" } ?? ""
            print("\(result.entries) entries\(range): \(result.isSound ? "sound" : "not sound").")
            if result.unchained > 0 { print("\(result.unchained) older ones are not in the chain.") }
        }
    }
}
