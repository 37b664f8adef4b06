// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Composition
import Downloads
import Gateway

/// `sluice providers`: what is configured, and whether it answers.
struct Providers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the providers of the configuration and of the store, or test one.",
        subcommands: [List.self, Test.self],
        defaultSubcommand: List.self
    )

    /// `sluice providers list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the providers, with the fingerprints of their credentials."
        )

        @OptionGroup var options: CommonOptions

        private struct Row: Encodable {
            let name: String
            let kind: String
            let source: String
            let state: String
            let credentials: [Credential]

            struct Credential: Encodable {
                let id: String
                let label: String?
                let fingerprint: String
                let state: String
            }

            init(_ provider: RegisteredProvider) {
                self.name = provider.entry.id.name
                self.kind = provider.entry.kind
                self.source = provider.source.rawValue
                self.state = provider.entry.provider == nil ? "unconfigured" : "configured"
                self.credentials = provider.credentials.map {
                    Credential(id: $0.id, label: $0.label, fingerprint: $0.fingerprint, state: $0.state.rawValue)
                }
            }

            var cells: [String] {
                let prints = self.credentials.map { $0.fingerprint + ($0.state == "refused" ? " (refused)" : "") }
                return [self.name, self.kind, self.source, self.state, prints.joined(separator: ", ")]
            }
        }

        func run() async throws {
            let server = try SluiceServer(try self.options.configuration(), logger: CommonOptions.logger())
            let rows = try await server.providers().map(Row.init)
            await server.shutdown()
            if self.options.json { return try Terminal.printJSON(["providers": rows]) }
            Terminal.printTable([["NAME", "KIND", "SOURCE", "STATE", "CREDENTIALS"]] + rows.map(\.cells))
        }
    }

    /// `sluice providers test NAME`.
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make one cheap authenticated call to a provider.",
            discussion: "Ends with status 1 where it fails, or has no usable credential."
        )

        @Argument(help: "The provider's name.")
        var name: String

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let server = try SluiceServer(try self.options.configuration(), logger: CommonOptions.logger())
            let entries = try await server.providers().map(\.entry).filter { $0.id.name == self.name }
            let results = await ProviderTest.run(entries)
            await server.shutdown()
            guard let result = results.first else {
                throw ValidationError("There is no provider '\(self.name)'.")
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
