// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// `sluice keys`: makes and ends gateway keys, with or without a running server.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list, change and end gateway keys.",
        subcommands: [Create.self, List.self, Show.self, Change.self, Rotate.self, Revoke.self]
    )

    /// `sluice keys create`.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key; its secret is shown once.",
            discussion: """
                Without --scope it may read downloads, and without a limit it has the default ones. Only a keyed hash of the \
                secret is kept: what is not noted now is lost.

                EXAMPLES
                  sluice keys create --name reports
                  sluice keys create --name ci --scope downloads:read downloads:delete \\
                    --session 'build-*' --expires 2027-01-31T00:00:00Z
                  sluice keys create --name prometheus --scope metrics:read
                  sluice keys create --name slow --bytes-per-second 5MB
                """
        )

        @Option(help: "A name for people.")
        var name: String

        @OptionGroup var settings: KeyOptions
        @OptionGroup var options: CommonOptions

        func run() async throws {
            let change = try self.settings.change { change in
                change.name = self.name
                change.scopes = change.scopes ?? [.read]
            }
            let new = try await self.options.keys().create(change.newSettings)
            if self.options.json { return try Terminal.printJSON(KeyRepresentation(new)) }
            print("\(new.stored.id)\n\(new.key.secret.reveal())")
            Terminal.complain("The second line is the key; it is not shown again.")
        }
    }

    /// `sluice keys change ID`.
    struct Change: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change settings of a key; within a second, requests and open streams are held to them.",
            discussion: """
                What no option names stays as it is. Requests and open streams that the key may not have any more end within \
                a second, as broken connections.
                """
        )

        @Argument(help: "The key's id, key_….")
        var id: String

        @Option(help: "A name for people.")
        var name: String?

        @OptionGroup var settings: KeyOptions

        @Flag(help: "For all providers again.")
        var allProviders = false

        @Flag(help: "For all sessions again.")
        var allSessions = false

        @Flag(help: "With the default limits again.")
        var defaultLimits = false

        @Flag(help: "Without an end again.")
        var noExpiry = false

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let change = try self.settings.change { change in
                change.name = self.name
                if self.allProviders { change.providers = .some(nil) }
                if self.allSessions { change.sessions = .some(nil) }
                if self.defaultLimits { change.limits = .some(nil) }
                if self.noExpiry { change.expiresAt = .some(nil) }
            }
            let key = try await self.options.keys().change(self.id, change).mapError(Keys.refused(self.id)).get()
            if self.options.json { return try Terminal.printJSON(KeyRepresentation(key)) }
            print("\(key.id) is changed.")
        }

        func validate() throws {
            let both = [
                (self.allProviders && !self.settings.provider.isEmpty, "--provider and --all-providers"),
                (self.allSessions && !self.settings.session.isEmpty, "--session and --all-sessions"),
                (self.defaultLimits && self.settings.hasLimits, "A limit and --default-limits"),
                (self.noExpiry && self.settings.expires != nil, "--expires and --no-expiry"),
            ]
            for (areGiven, names) in both where areGiven { throw ValidationError("\(names) contradict each other.") }
        }
    }

    /// `sluice keys list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all keys, without their secrets.")

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let keys = try await self.options.keys().list()
            if self.options.json { return try Terminal.printJSON(["keys": keys.map { KeyRepresentation($0) }]) }
            Terminal.printTable([Keys.titles] + keys.map(Keys.row))
        }
    }

    /// `sluice keys show ID`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one key, without its secret.")

        @Argument(help: "The key's id, key_….")
        var id: String

        @OptionGroup var options: CommonOptions

        func run() async throws {
            guard let key = try await self.options.keys().show(self.id) else { throw Keys.unknown(self.id) }
            if self.options.json { return try Terminal.printJSON(KeyRepresentation(key)) }
            Terminal.printTable([Keys.titles, Keys.row(key)])
        }
    }

    /// `sluice keys rotate ID`.
    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a key a new secret; shown once.",
            discussion: """
                EXAMPLES
                  sluice keys rotate key_1a2b3c4d5e6f7g8h
                  sluice keys rotate key_1a2b3c4d5e6f7g8h --grace-seconds 3600
                """
        )

        @Argument(help: "The key's id, key_….")
        var id: String

        @Option(help: "For so many seconds the old secret is good too.")
        var graceSeconds: Int64 = 0

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let rotated = try await self.options.keys().rotate(self.id, grace: .seconds(self.graceSeconds))
            let new = try rotated.mapError(Keys.refused(self.id)).get()
            if self.options.json { return try Terminal.printJSON(KeyRepresentation(new)) }
            print(new.key.secret.reveal())
        }

        func validate() throws {
            guard !(0...KeyRing.longestGraceSeconds).contains(self.graceSeconds) else { return }
            throw ValidationError("The grace must be from 0 to \(KeyRing.longestGraceSeconds) seconds.")
        }
    }

    /// `sluice keys revoke ID`.
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a key: within a second, no request with it is let in, and its open streams end."
        )

        @Argument(help: "The key's id, key_….")
        var id: String

        @OptionGroup var options: CommonOptions

        func run() async throws {
            guard let key = try await self.options.keys().revoke(self.id) else { throw Keys.unknown(self.id) }
            if self.options.json { return try Terminal.printJSON(KeyRepresentation(key)) }
            print("\(key.id) is revoked.")
        }
    }

    private static func unknown(_ id: String) -> ValidationError { ValidationError("There is no key '\(id)'.") }

    private static func refused(_ id: String) -> (KeyRing.Refusal) -> ValidationError {
        { refusal in
            switch refusal {
            case .unknown: Self.unknown(id)
            case .revoked: ValidationError("The key '\(id)' is revoked.")
            case .expired: ValidationError("The key '\(id)' has expired.")
            }
        }
    }

    private static let titles = ["ID", "NAME", "SCOPES", "LAST USED", "STATE"]

    private static func row(_ key: StoredKey) -> [String] {
        let state = key.revokedAt.map { "revoked \(RFC3339.format($0))" }
        let end = key.settings.expiresAt.map { "until \(RFC3339.format($0))" }
        let scopes = key.settings.scopes.map(\.rawValue).sorted().joined(separator: ",")
        let use = key.lastUsedAt.map(RFC3339.format) ?? "never"
        return [key.id, key.settings.name, scopes, use, state ?? end ?? "active"]
    }
}
