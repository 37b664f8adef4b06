// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// `sluice keys`: makes and ends gateway keys, with or without a running server.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list and end gateway keys.",
        subcommands: [Create.self, List.self, Show.self, Rotate.self, Revoke.self]
    )

    /// `sluice keys create`.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a key; its secret is shown once.")

        @Option(help: "A name for people.")
        var name: String

        @Option(
            parsing: .upToNextOption,
            help: "What it may do: \(Scope.allCases.map(\.rawValue).joined(separator: ", "))."
        )
        var scope: [String] = [Scope.read.rawValue]

        @Option(parsing: .upToNextOption, help: "Only these providers.")
        var provider: [String] = []

        @Option(parsing: .upToNextOption, help: "Only these sessions; * and ? are wildcards.")
        var session: [String] = []

        @Option(help: "When it ends, as 2027-01-31T00:00:00Z.")
        var expires: String?

        @OptionGroup var options: CommonOptions

        private struct Row: Encodable {
            let id: String
            let key: String
            let name: String
        }

        func run() async throws {
            let settings = try self.settings()
            let new = try await self.options.keys().create(settings)
            let secret = new.key.secret.reveal()
            if self.options.json {
                return try Terminal.printJSON(Row(id: new.stored.id, key: secret, name: settings.name))
            }
            print("\(new.stored.id)\n\(secret)")
            Terminal.complain("The second line is the key; it is not shown again.")
        }

        private func settings() throws -> KeySettings {
            let scopes = try self.scope.map { text in
                guard let scope = Scope(rawValue: text) else { throw ValidationError("'\(text)' is no scope.") }
                return scope
            }
            let providers = try self.provider.map { text in
                guard let id = ProviderID(text) else { throw ValidationError("'\(text)' is no name of a provider.") }
                return id
            }
            let sessions = try self.session.map { text in
                guard let glob = SessionGlob(text) else {
                    throw ValidationError("'\(text)' is no pattern of sessions.")
                }
                return glob
            }
            var settings = KeySettings(name: self.name, scopes: Set(scopes))
            settings.providers = providers.isEmpty ? nil : Set(providers)
            settings.sessions = sessions.isEmpty ? nil : sessions
            if let expires {
                guard let date = RFC3339.parse(expires) else { throw ValidationError("'\(expires)' is no time.") }
                settings.expiresAt = date
            }
            return settings
        }
    }

    /// `sluice keys list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all keys, without their secrets.")

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let rows = try await self.options.keys().list().map(KeyRow.init)
            if self.options.json { return try Terminal.printJSON(["keys": rows]) }
            Terminal.printTable([KeyRow.titles] + rows.map(\.cells))
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
            if self.options.json { return try Terminal.printJSON(KeyRow(key)) }
            Terminal.printTable([KeyRow.titles, KeyRow(key).cells])
        }
    }

    /// `sluice keys rotate ID`.
    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a key a new secret; shown once.")

        @Argument(help: "The key's id, key_….")
        var id: String

        @Option(help: "For so many seconds the old secret is good too.")
        var graceSeconds: Int = 0

        @OptionGroup var options: CommonOptions

        func run() async throws {
            guard (0...2_592_000).contains(self.graceSeconds) else {
                throw ValidationError("The grace must be from 0 to 2592000 seconds.")
            }
            let new = try await self.options.keys().rotate(self.id, grace: .seconds(self.graceSeconds))
            guard let new else { throw Keys.unknown(self.id) }
            if self.options.json {
                return try Terminal.printJSON(["id": new.stored.id, "key": new.key.secret.reveal()])
            }
            print(new.key.secret.reveal())
        }
    }

    /// `sluice keys revoke ID`.
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a key: within a second, no request with it is let in."
        )

        @Argument(help: "The key's id, key_….")
        var id: String

        @OptionGroup var options: CommonOptions

        func run() async throws {
            guard let key = try await self.options.keys().revoke(self.id) else { throw Keys.unknown(self.id) }
            if self.options.json { return try Terminal.printJSON(KeyRow(key)) }
            print("\(key.id) is revoked.")
        }
    }

    private static func unknown(_ id: String) -> ValidationError { ValidationError("There is no key '\(id)'.") }
}

/// A key as it is printed.
private struct KeyRow: Encodable {
    let id: String
    let name: String
    let scopes: [String]
    let providers: [String]?
    let sessions: [String]?
    let createdAt: String
    let expiresAt: String?
    let lastUsedAt: String?
    let revokedAt: String?

    init(_ key: StoredKey) {
        self.id = key.id
        self.name = key.settings.name
        self.scopes = key.settings.scopes.map(\.rawValue).sorted()
        self.providers = key.settings.providers?.map(\.name).sorted()
        self.sessions = key.settings.sessions?.map(\.pattern)
        self.createdAt = RFC3339.format(key.createdAt)
        self.expiresAt = key.settings.expiresAt.map(RFC3339.format)
        self.lastUsedAt = key.lastUsedAt.map(RFC3339.format)
        self.revokedAt = key.revokedAt.map(RFC3339.format)
    }

    static let titles = ["ID", "NAME", "SCOPES", "LAST USED", "STATE"]

    var cells: [String] {
        let state = self.revokedAt.map { "revoked \($0)" } ?? self.expiresAt.map { "until \($0)" } ?? "active"
        return [self.id, self.name, self.scopes.joined(separator: ","), self.lastUsedAt ?? "never", state]
    }
}
