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
        discussion:
            "Ends with status 1 where the configuration has a fault, or a configured provider or an issuer fails."
    )

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let server = try SluiceServer(try self.options.configuration(), logger: CommonOptions.logger)
        async let issuers = server.testTokenKeys()
        let report = Report(providers: await ProviderTest.run(server.providers.entries), issuers: await issuers)
        await server.shutdown()
        if self.options.json {
            try Terminal.printJSON(report)
        } else {
            print("The configuration is sound.")
            Terminal.printTable(report.providers.map { [$0.name, $0.state, $0.message ?? ""] })
            Terminal.printTable(report.issuers.map { [$0.issuer, $0.state, $0.message ?? "\($0.keys) keys"] })
        }
        if (report.providers.map(\.state) + report.issuers.map(\.state)).contains("failed") { throw ExitCode(1) }
    }

    private struct Report: Encodable {
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
