// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct ConfigurationOutlineTests {
    private func outline(_ yaml: String) throws -> ConfigurationOutline {
        ConfigurationOutline(try ConfigurationFile.read(yaml, environment: [:], checkProvider: { _ in [] }))
    }

    @Test func tellsWhatChangesAndWhatOfThatTakesARestart() throws {
        let old = try self.outline("server: { port: 1, maxInFlight: 5 }\nlimits: { default: { burst: null } }\n")
        let new = try self.outline(
            """
            server: { port: 2, maxInFlight: 6, trustedProxies: [10.0.0.0/8] }
            providers: [ { name: one, kind: web, connections: 2 } ]
            logs: { retention: 2h }
            """
        )
        let changes = old.changes(to: new)
        #expect(changes.filter(\.needsRestart).map(\.path) == ["logs.retention", "server.port"])
        #expect(
            changes.filter { !$0.needsRestart }.map(\.path) == [
                "limits.default.burst", "providers[one].connections", "providers[one].kind", "server.maxInFlight",
                "server.trustedProxies",
            ]
        )
        #expect(changes.first { $0.path == "server.maxInFlight" }.map { [$0.from, $0.to] } == ["5", "6"])
        // What takes a restart is still to come after a reload.
        #expect(old.reloading(new).changes(to: new).map(\.path) == ["logs.retention", "server.port"])
        #expect(new.changes(to: new).isEmpty)
    }

    @Test func showsNoSecret() throws {
        let texts = ["https://whole.secret.example", "a-very-secret-key", "another-secret-of-at-least-32-bytes"]
        func yaml(_ suffix: String) -> String {
            """
            auth: { jwt: [ { issuer: batch, audience: x, algorithms: [HS256], secret: "\(texts[2])\(suffix)" } ] }
            providers: [ { name: h, kind: hoody, baseURL: "\(texts[0])\(suffix)", credentials: [ { apiKey: "\(texts[1])\(suffix)" } ] } ]
            """
        }
        let (old, new) = (try self.outline(yaml("")), try self.outline(yaml("2")))
        let changes = old.changes(to: new)
        #expect(Set(changes.map(\.path)).isSuperset(of: ["auth.jwt[batch].secret", "providers[h].baseURL"]))
        #expect(changes.count == 4)
        let shown = String(decoding: try JSONEncoder().encode(changes), as: UTF8.self) + "\(old.values)"
        for text in texts { #expect(!shown.contains(text)) }
    }

    @Test func isKeptForOthersToRead() throws {
        let stored = try StoreFixture()
        let outline = try self.outline("server: { port: 7 }")
        #expect(ConfigurationOutline.running(in: stored.store.directory) == nil)
        try outline.keep(in: stored.store.directory)
        #expect(ConfigurationOutline.running(in: stored.store.directory) == outline)
        let facts = try FileManager.default.attributesOfItem(atPath: stored.store.directory + "/running.json")
        #expect(facts[.posixPermissions] as? Int == 0o600)
    }
}
