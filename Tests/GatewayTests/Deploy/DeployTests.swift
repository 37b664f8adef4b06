// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing
import Yams

@testable import Gateway

/// What can be known of `deploy/` without a container engine; `make conform` has the tools' own checks.
@Suite struct DeployTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: Self.root.appendingPathComponent(path).path)
    }

    private static func yaml(_ path: String) throws -> JSONValue {
        JSONValue(try #require(try Yams.compose(yaml: Self.text(path))))
    }

    private static func words(_ text: some StringProtocol) -> [String] {
        String(text).split(separator: " ").map(String.init)
    }

    // MARK: The image

    /// The instructions of the Dockerfile with their arguments.
    private static func instructions() throws -> [(name: String, words: [String])] {
        let lines = try Self.text("deploy/Dockerfile").replacing("\\\n", with: " ").split(separator: "\n")
        return lines.filter { !$0.hasPrefix("#") }.map { line in
            let words = Self.words(line)
            return (words[0], Array(words.dropFirst()))
        }
    }

    @Test func theImageCopiesWhatIsThere() throws {
        let copies = try Self.instructions().filter { $0.name == "COPY" && !$0.words[0].hasPrefix("--from") }
        #expect(copies.count >= 3)
        let ignored = Set(try Self.text(".dockerignore").split(separator: "\n").map(String.init))
        for source in copies.flatMap({ $0.words.dropLast() }) {
            let path = source == "Package.*" ? "Package.swift" : source
            #expect(Self.exists(path), "\(source)")
            #expect(!ignored.contains(path))
        }
        for needed in ["Sources", "api-spec"] {
            #expect(Self.exists(needed) && !ignored.contains(needed))
        }
    }

    @Test func theImageIsBuiltWithWhatTheMakefileInstalls() throws {
        let runs = try Self.instructions().filter { $0.name == "RUN" }.map(\.words)
        let build = try #require(runs.first { $0.contains("pkg-config") })
        let line = try #require(try Self.text("Makefile").split(separator: "\n").first { $0.hasPrefix("PACKAGES := ") })
        for package in Self.words(line).dropFirst(2) { #expect(build.contains(package), "\(package)") }
        // A library to compile against has one to run with.
        let run = try #require(runs.first { $0.contains("libcurl4") })
        for library in ["ca-certificates", "libcurl4", "libjwt0", "libsqlite3-0", "zlib1g"] {
            #expect(run.contains(library))
        }
    }

    @Test func theImageHasTheSwiftThatThePackageNeeds() throws {
        let stages = try Self.instructions().filter { $0.name == "FROM" }.map(\.words)
        #expect(stages.count == 2)
        let version = try #require(
            try Self.text("deploy/Dockerfile").firstMatch(of: /FROM swift:(\d+)\.(\d+)-bookworm AS build/)
        )
        let tools = try #require(try Self.text("Package.swift").firstMatch(of: /swift-tools-version: (\d+)\.(\d+)/))
        let (has, needs) = ((Int(version.1) ?? 0, Int(version.2) ?? 0), (Int(tools.1) ?? 99, Int(tools.2) ?? 99))
        #expect(has >= needs)
        #expect(try Self.text("README.md").contains("Swift \(version.1).\(version.2)"))
        // One Debian, or the libraries of the build would not be those of the run.
        #expect(stages[1].first == "debian:bookworm-slim")
    }

    @Test func theImageRunsAsNobodySpecial() throws {
        let instructions = try Self.instructions()
        let final = Array(instructions[(try #require(instructions.lastIndex { $0.name == "FROM" }))...])
        let user = try #require(final.firstIndex { $0.name == "USER" })
        #expect(final[user].words == ["sluice"])
        #expect(!final[user...].contains { $0.name == "RUN" || $0.name == "COPY" })
        #expect(final.last?.name == "CMD" && final.contains { $0.name == "ENTRYPOINT" && $0.words == ["[\"sluice\"]"] })
    }

    @Test func compositionIsHardened() throws {
        let service = try Self.yaml("deploy/compose.yaml")["services"]["sluice"]
        #expect(service["read_only"] == .bool(true))
        #expect(service["cap_drop"] == .array(["ALL"]))
        #expect(service["security_opt"] == .array(["no-new-privileges:true"]))
        #expect(service["ports"].items.allSatisfy { $0.text?.hasPrefix("127.0.0.1:") == true })
        let build = service["build"]
        let dockerfile = try #require(build["dockerfile"].text)
        #expect(build["context"] == ".." && Self.exists(dockerfile))
        let volume = try #require(service["volumes"][0].text)
        let storage = try #require(try Self.instructions().first { $0.name == "VOLUME" }?.words.first)
        #expect(volume.hasSuffix(":" + storage))
        #expect(try Self.text("deploy/Dockerfile").contains("SLUICE_STORAGE=\(storage)"))
        #expect(service["healthcheck"]["test"].items.contains { $0.text?.contains("GET /healthz") == true })
    }

    // MARK: The unit

    @Test func theUnitIsHardened() throws {
        let lines = try Self.text("deploy/sluice.service").split(separator: "\n").map(String.init)
        for line in [
            "DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
            "PrivateDevices=yes", "CapabilityBoundingSet=", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
            "SystemCallFilter=@system-service", "MemoryDenyWriteExecute=yes", "UMask=0077", "StateDirectoryMode=0700",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("ExecStart=/usr/local/bin/sluice serve") })
        #expect(lines.contains("Environment=SLUICE_STORAGE=/var/lib/sluice"))
        #expect(lines.contains("StateDirectory=sluice"))
        // Who is killed before its streams have ended drops them.
        let patience = try #require(lines.first { $0.hasPrefix("TimeoutStopSec=") }?.firstMatch(of: /=(\d+)min/))
        #expect((Double(patience.1) ?? 0) * 60 > Gateway.Configuration.Server().drainTimeout)
        let grace = try Self.yaml("deploy/compose.yaml")["services"]["sluice"]["stop_grace_period"].text
        #expect(grace == "\(patience.1)m")
    }

    // MARK: Proxies and monitoring

    @Test(arguments: ["nginx.conf", "Caddyfile", "monitoring/prometheus.yaml"])
    func everyProxyAsksTheDefaultPort(_ name: String) throws {
        #expect(try Self.text("deploy/\(name)").contains("127.0.0.1:\(Gateway.Configuration.Server().port)"))
    }

    @Test func monitoringFilesAreWellFormed() throws {
        let rules = try Self.yaml("deploy/monitoring/alerts.yaml")["groups"][0]["rules"].items
        #expect(rules.count >= 5)
        for rule in rules {
            #expect(rule["alert"].text != nil && rule["expr"].text != nil)
            #expect(rule["annotations"]["summary"].text != nil && rule["labels"]["severity"].text != nil)
        }
        let prometheus = try Self.yaml("deploy/monitoring/prometheus.yaml")
        #expect(prometheus["scrape_configs"][0]["job_name"] == "sluice")
        #expect(prometheus["rule_files"] == .array(["alerts.yaml"]))
    }

    @Test func everyFileOfTheFolderIsNamedInTheManual() throws {
        let manual = try Self.text("Sources/Gateway/Gateway.docc/Operating.md")
        let folder = Self.root.appendingPathComponent("deploy")
        let names = try #require(FileManager.default.enumerator(atPath: folder.path)).compactMap { $0 as? String }
        for name in names where name != "monitoring" { #expect(manual.contains("deploy/\(name)"), "\(name)") }
    }
}
