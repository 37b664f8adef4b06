// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// `sluice secrets`: the master secret that upstream credentials are sealed under.
struct Secrets: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Exchange the master secret.",
        subcommands: [Rotate.self]
    )

    /// `sluice secrets rotate`.
    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal all upstream credentials under a new master secret, with or without a running server.",
            discussion: """
                Gateway keys, ids and cursors stay good. Where the secret is kept in <storage.path>/secret.key, a new one \
                is made and the file replaced. Where it is configured (secrets.key), the new one is taken from the \
                environment variable SLUICE_NEW_SECRET_KEY, and must be in the configuration before the next start.

                EXAMPLES
                  sluice secrets rotate
                  SLUICE_NEW_SECRET_KEY=$(openssl rand -base64 32) sluice secrets rotate
                """
        )

        @OptionGroup var options: CommonOptions

        private struct Row: Encodable {
            let masterId: String
            let resealed: Int
            let unreadable: Int
            let mustBeConfigured: Bool
        }

        func run() async throws {
            let (store, configuration) = try self.options.store()
            defer { try? store.close() }
            let outcome = try await VaultRotation.run(
                store,
                configured: configuration.secretKey,
                replacement: ProcessInfo.processInfo.environment["SLUICE_NEW_SECRET_KEY"].map { Secret($0) }
            )
            if self.options.json {
                let row = Row(
                    masterId: outcome.masterID,
                    resealed: outcome.resealed,
                    unreadable: outcome.unreadable,
                    mustBeConfigured: outcome.mustBeConfigured
                )
                try Terminal.printJSON(row)
            } else {
                print("The master secret was exchanged; sealed anew: \(outcome.resealed).")
                if outcome.unreadable > 0 { print("\(outcome.unreadable) could not be opened, and stay as they are.") }
            }
            if outcome.mustBeConfigured {
                Terminal.complain("Put the new secret into the configuration (secrets.key) before the next start.")
            }
        }
    }
}
