// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

extension EndToEnd {
    /// `sluice keys`, on the store of a folder without configuration.
    @Suite struct KeyCommandTests {
        /// What a command answers in JSON; it must succeed.
        private static func json(_ arguments: [String], in folder: URL) async throws -> JSONValue {
            let ended = try await GatewayProcess.run(["keys"] + arguments + ["--json"], in: folder)
            #expect(ended.status == 0, "\(arguments): \(ended.complaints)")
            return (try? JSONDecoder().decode(JSONValue.self, from: Data(ended.output.utf8))) ?? .null
        }

        private static func without(_ field: String, _ value: JSONValue) -> JSONValue {
            guard case .object(var members) = value else { return value }
            members[field] = nil
            return .object(members)
        }

        @Test func everySettingIsMadeAndChangedAndCleared() async throws {
            try await withTemporaryFolder { folder in
                let made = try await Self.json(
                    [
                        "create", "--name", "robot", "--scope", "downloads:read", "logs:read", "--provider", "vagon",
                        "--session", "a*", "b?", "--expires", "2099-01-31T00:00:00Z", "--requests", "600/min",
                        "--burst", "50", "--concurrent", "4",
                    ],
                    in: folder
                )
                let id = try #require(made["id"].text)
                #expect(made["key"].text?.hasPrefix("slc_") == true)
                #expect(made["limits"]["requests"] == "600/min" && made["limits"]["burst"].integer == 50)
                #expect(made["limits"]["concurrent"].integer == 4)
                #expect(made["sessions"] == .array(["a*", "b?"]) && made["expiresAt"] == "2099-01-31T00:00:00Z")
                let shown = try await Self.json(["show", id], in: folder)
                #expect(shown == Self.without("key", made))

                let named = try await Self.json(["change", id, "--name", "other"], in: folder)
                #expect(named["name"] == "other")
                #expect(Self.without("name", named) == Self.without("name", shown))
                let cleared = try await Self.json(
                    ["change", id, "--all-providers", "--all-sessions", "--no-expiry", "--default-limits"],
                    in: folder
                )
                for field in ["providers", "sessions", "expiresAt", "limits"] { #expect(cleared[field] == .null) }
                #expect(cleared["scopes"] == shown["scopes"] && cleared["name"] == "other")
                let limited = try await Self.json(["change", id, "--concurrent", "9"], in: folder)
                #expect(limited["limits"]["concurrent"].integer == 9 && limited["limits"]["requests"] == .null)
                #expect(try await Self.json(["list"], in: folder)["keys"] == .array([limited]))

                let rotated = try await Self.json(["rotate", id, "--grace-seconds", "60"], in: folder)
                #expect(Self.without("key", rotated) == limited && rotated["key"] != made["key"])
                _ = try await Self.json(["revoke", id], in: folder)
                for arguments in [["change", id, "--name", "x"], ["rotate", id]] {
                    let refused = try await GatewayProcess.run(["keys"] + arguments, in: folder)
                    #expect(refused.status != 0 && refused.complaints.contains("is revoked"))
                }
                #expect(try await GatewayProcess.run(["keys", "change", "key_none"], in: folder).status != 0)
            }
        }

        @Test func faultsAreThoseOfTheAPIAndAllToldAtOnce() async throws {
            try await withTemporaryFolder { folder in
                let id = try #require(try await Self.json(["create", "--name", "robot"], in: folder)["id"].text)
                let before = try await Self.json(["show", id], in: folder)
                let cases: [(arguments: [String], complaints: [String])] = [
                    (
                        [
                            "--scope", "root", "--provider", "UPPER", "--session", "", "--expires", "soon", "--burst",
                            "0",
                        ],
                        ["scopes: ", "providers: ", "sessions: ", "expiresAt: ", "limits.burst: "]
                    ),
                    (["--name", "", "--expires", "2020-01-01T00:00:00Z"], ["name: ", "expiresAt: "]),
                    (["--requests", "fast", "--concurrent", "0"], ["limits.requests: ", "limits.concurrent: "]),
                    (["--bytes-per-day", "much", "--bytes-per-second", "0"], ["bytesPerDay: ", "bytesPerSecond: "]),
                    (["--burst", "5"], ["limits.burst: needs 'requests'"]),
                ]
                for (arguments, complaints) in cases {
                    for command in [
                        ["change", id], ["create"] + (arguments.contains("--name") ? [] : ["--name", "x"]),
                    ] {
                        let refused = try await GatewayProcess.run(["keys"] + command + arguments, in: folder)
                        #expect(refused.status != 0)
                        for text in complaints { #expect(refused.complaints.contains(text), "\(refused.complaints)") }
                    }
                }
                for arguments in [
                    ["--provider", "vagon", "--all-providers"], ["--session", "a", "--all-sessions"],
                    ["--burst", "1", "--default-limits"], ["--expires", "2099-01-01T00:00:00Z", "--no-expiry"],
                ] {
                    let refused = try await GatewayProcess.run(["keys", "change", id] + arguments, in: folder)
                    #expect(refused.status != 0 && refused.complaints.contains("contradict"), "\(refused.complaints)")
                }
                for seconds in ["-1", "2592001", "99999999999999999999"] {
                    let option = "--grace-seconds=\(seconds)"
                    #expect(try await GatewayProcess.run(["keys", "rotate", id, option], in: folder).status != 0)
                }
                #expect(try await Self.json(["list"], in: folder)["keys"] == .array([before]))
            }
        }
    }
}
