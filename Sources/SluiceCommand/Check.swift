// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Composition
import Downloads
import Foundation
import Gateway

/// `sluice check`: validates the configuration, asks every provider one cheap question, and loads the token issuers' keys.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Validate the configuration, make one cheap authenticated call to each provider, load each issuer's keys.",
        discussion: """
            All faults of the configuration are told at once, each with its path in the file. Changes nothing, and can run \
            beside a server. Ends with status 1 where there is a fault, or where the storage folder, a configured provider or an \
            issuer fails. With --diff or --against nobody is asked: it shows what would change, and what of that takes a restart. \
            Secrets are shown by a fingerprint.
            """
    )

    @Flag(help: "Show what would change in the gateway that runs over the store.")
    var diff = false

    @Option(help: "Show what is different from another configuration file.")
    var against: String?

    @OptionGroup var options: CommonOptions

    func run() async throws {
        if self.diff || self.against != nil { return try self.showChanges() }
        let configuration = try self.options.configuration()
        let storage = StorageTest.run(configuration.storagePath)
        let server = try SluiceServer(configuration, logger: CommonOptions.logger())
        let entries = try await server.providers().map(\.entry)
        async let issuers = server.testTokenKeys()
        let report = Report(storage: storage, providers: await ProviderTest.run(entries), issuers: await issuers)
        await server.shutdown()
        if self.options.json {
            try Terminal.printJSON(report)
        } else {
            print("The configuration is sound.")
            Terminal.printTable([[storage.path, storage.state, storage.message]])
            Terminal.printTable(report.providers.map { [$0.name, $0.state, $0.message ?? ""] })
            Terminal.printTable(report.issuers.map { [$0.issuer, $0.state, $0.message ?? "\($0.keys) keys"] })
        }
        let states = [storage.state] + report.providers.map(\.state) + report.issuers.map(\.state)
        if states.contains("failed") { throw ExitCode(1) }
    }

    private func showChanges() throws {
        let new = try self.options.configuration()
        let changes = try self.old(new).changes(to: ConfigurationOutline(new))
        guard !self.options.json else { return try Terminal.printJSON(["changes": changes]) }
        guard !changes.isEmpty else { return print("Nothing would change.") }
        for change in changes {
            let restart = change.needsRestart ? "  (takes a restart)" : ""
            print("\(change.path): \(change.from ?? "-") -> \(change.to ?? "-")\(restart)")
        }
    }

    private func old(_ new: Configuration) throws -> ConfigurationOutline {
        if let against {
            let source = ConfigurationSource(file: against, environment: self.options.source.environment)
            return ConfigurationOutline(try CommonOptions.configuration(source))
        }
        guard let running = ConfigurationOutline.running(in: new.storagePath) else {
            Terminal.complain("No gateway has run over the store '\(new.storagePath)' yet.")
            throw ExitCode(1)
        }
        return running
    }

    private struct Report: Encodable {
        let storage: StorageTest
        let providers: [ProviderTest]
        let issuers: [JWTVerifier.KeyTest]
    }
}

/// What came of one cheap call to a provider.
struct ProviderTest: Encodable {
    let name: String
    /// `ok`, `failed` or `unconfigured`.
    let state: String
    let message: String?

    /// Tests all of them at once; in the order of the configuration.
    static func run(_ entries: [ProviderSet.Entry]) async -> [ProviderTest] {
        await withTaskGroup(of: (Int, ProviderTest).self) { group in
            for (index, entry) in entries.enumerated() {
                group.addTask { (index, await Self.run(entry)) }
            }
            var results: [(Int, ProviderTest)] = []
            for await result in group { results.append(result) }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func run(_ entry: ProviderSet.Entry) async -> ProviderTest {
        guard let provider = entry.provider else {
            return ProviderTest(name: entry.id.name, state: "unconfigured", message: "no usable credential")
        }
        do throws(ProviderError) {
            try await provider.check()
            return ProviderTest(name: entry.id.name, state: "ok", message: nil)
        } catch {
            return ProviderTest(name: entry.id.name, state: "failed", message: error.message)
        }
    }
}
