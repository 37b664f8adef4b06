// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Composition
import Downloads
import Gateway

/// `sluice providers`: what is configured, and whether it answers.
struct Providers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the providers, or test one.",
        subcommands: [List.self, Test.self],
        defaultSubcommand: List.self
    )

    /// `sluice providers list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the configured providers.")

        @OptionGroup var options: CommonOptions

        private struct Row: Encodable {
            let name: String
            let kind: String
            let state: String
        }

        func run() async throws {
            let server = try SluiceServer(try self.options.configuration(), logger: CommonOptions.logger)
            await server.shutdown()
            let rows = server.providers.entries.map {
                Row(name: $0.id.name, kind: $0.kind, state: $0.provider == nil ? "unconfigured" : "configured")
            }
            if self.options.json { return try Terminal.printJSON(["providers": rows]) }
            Terminal.printTable([["NAME", "KIND", "STATE"]] + rows.map { [$0.name, $0.kind, $0.state] })
        }
    }

    /// `sluice providers test NAME`.
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make one cheap authenticated call to a provider.")

        @Argument(help: "The provider's name.")
        var name: String

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let server = try SluiceServer(try self.options.configuration(), logger: CommonOptions.logger)
            let entries = server.providers.entries.filter { $0.id.name == self.name }
            let results = await ProviderTest.run(entries)
            await server.shutdown()
            guard let result = results.first else {
                throw ValidationError("There is no provider '\(self.name)' in the configuration.")
            }
            if self.options.json {
                try Terminal.printJSON(result)
            } else {
                Terminal.printTable([[result.name, result.state, result.message ?? ""]])
            }
            if result.state != "ok" { throw ExitCode(1) }
        }
    }
}
