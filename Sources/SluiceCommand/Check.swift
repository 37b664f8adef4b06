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
            issuer fails.
            """
    )

    @OptionGroup var options: CommonOptions

    func run() async throws {
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
