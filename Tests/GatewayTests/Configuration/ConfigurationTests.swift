// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct ConfigurationTests {
    private func read(
        _ yaml: String,
        _ environment: [String: String] = [:],
        folder: String = "."
    ) throws -> Gateway.Configuration {
        try ConfigurationFile.read(yaml, environment: environment, folder: folder, checkProvider: { _ in [] })
    }

    /// What is wrong with a file, in its order; empty where nothing is.
    private func problems(_ yaml: String, _ environment: [String: String] = [:]) -> [FieldProblem] {
        do throws(ConfigurationError) {
            _ = try ConfigurationFile.read(yaml, environment: environment, checkProvider: { _ in [] })
            return []
        } catch {
            return error.problems
        }
    }

    private func fields(_ yaml: String, _ environment: [String: String] = [:]) -> [String] {
        self.problems(yaml, environment).map(\.field)
    }

    // MARK: The files of the repository

    private static func file(_ name: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("config/\(name)"), encoding: .utf8)
    }

    @Test func theSampleFileIsTheDefaults() throws {
        let configuration = try self.read(Self.file("sluice.yaml"))
        let defaults = Gateway.Configuration()
        #expect(configuration.server.host == defaults.server.host)
        #expect(configuration.server.port == defaults.server.port)
        #expect(configuration.server.publicURL == nil)
        #expect(configuration.server.stallTimeout == defaults.server.stallTimeout)
        #expect(configuration.server.headerTimeout == defaults.server.headerTimeout)
        #expect(configuration.storagePath == defaults.storagePath)
        #expect(configuration.secretKey == nil)
        #expect(configuration.issuers.isEmpty)
        #expect(configuration.defaultLimits == defaults.defaultLimits)
        #expect(configuration.freshness == defaults.freshness)
        #expect(configuration.fanOut == defaults.fanOut)
        #expect(configuration.logRetention == defaults.logRetention)
        #expect(configuration.logFormat == defaults.logFormat)
        #expect(configuration.openMetrics == defaults.openMetrics)
        #expect(configuration.upstream.connectTimeout == defaults.upstream.connectTimeout)
        #expect(configuration.upstream.firstByteTimeout == defaults.upstream.firstByteTimeout)
        #expect(configuration.upstream.idleTimeout == defaults.upstream.idleTimeout)
        #expect(configuration.egress.allowAddresses == [])
        #expect(configuration.egress.maxRedirects == defaults.egress.maxRedirects)
        #expect(configuration.egress.maxBytes == defaults.egress.maxBytes)
        #expect(configuration.providers.map(\.id.name) == ["browserbase", "anchor", "notte", "vagon", "hoody", "web"])
        #expect(configuration.jobs == JobPolicy())
        #expect(configuration.archives == ArchivePolicy())
        #expect(configuration.providers.last?.settings.isEmpty == true)
    }

    @Test func theDemosFileNeedsItsVariables() throws {
        let yaml = try Self.file("demo.yaml")
        let names = Set(yaml.matches(of: #/\$\{(DEMO_[A-Z_]+)\}/#).map { String($0.1) })
        #expect(names.count >= 10)
        let missing = self.problems(yaml).map(\.message)
        for name in names { #expect(missing.contains { $0.contains(name) }, "\(name)") }
        let environment = Dictionary(
            names.map { ($0, "http://127.0.0.1:1/\($0)") },
            uniquingKeysWith: { first, _ in first }
        )
        let configuration = try self.read(yaml, environment)
        #expect(configuration.server.port == 8080)
        #expect(configuration.egress.allowAddresses == ["127.0.0.0/8"])
        #expect(configuration.providers.count == 6)
    }

    @Test func withoutAFileEachVendorWhoseVariablesAreSetIsServed() throws {
        let configuration = try ConfigurationFile.standard(
            environment: ["NOTTE_API_KEY": "n", "HOODY_URL": "https://h.example.com"],
            checkProvider: { _ in [] }
        )
        #expect(configuration.providers.map(\.id.name) == ["browserbase", "anchor", "notte", "vagon", "hoody", "web"])
        #expect(configuration.providers[0].credentials == [[:]])
        #expect(configuration.providers[2].credentials == [["apiKey": Secret("n")]])
        #expect(configuration.providers[4].baseURL == "https://h.example.com")
    }

    // MARK: Faults

    @Test func anEmptyFileIsTheDefaults() throws {
        for yaml in ["", "# nothing\n", "{}", "server:\n", "server: {}\nlimits:\n"] {
            #expect(try self.read(yaml).server.port == 8080)
        }
    }

    @Test func everyFaultIsReportedAtOnceWithItsPath() {
        let yaml = """
            server: { port: 99999, stallTimeout: 60, hots: x }
            providers:
              - { name: BAD, kind: x }
              - { name: twice, kind: x }
              - { name: twice, kind: y }
            cache: { freshFor: soon }
            fanOut: { sessions: 0, concurrency: many }
            limits: { default: { requests: fast, typo: 1 } }
            egress: { allowHTTP: yes-please, maxBytes: 10XB }
            unknown: 1
            """
        #expect(
            Set(self.fields(yaml))
                == [
                    "server.port", "server.stallTimeout", "server.hots", "providers[0].name", "providers[2].name",
                    "cache.freshFor", "fanOut.sessions", "fanOut.concurrency", "limits.default.requests",
                    "limits.default.typo", "egress.allowHTTP", "egress.maxBytes", "unknown",
                ]
        )
    }

    @Test(arguments: [
        ("server: { hosts: x }", "server.hosts"), ("storage: { folder: x }", "storage.folder"),
        ("secrets: { kee: x }", "secrets.kee"), ("auth: { jwts: [] }", "auth.jwts"),
        ("cache: { ttl: 1s }", "cache.ttl"),
        ("fanOut: { limit: 1 }", "fanOut.limit"), ("logs: { level: x }", "logs.level"),
        ("upstream: { timeout: 1s }", "upstream.timeout"), ("egress: { deny: [] }", "egress.deny"),
        ("limits: { key: {} , default: {} }", "limits.key"), ("limits: { requests: 1/s }", "limits.requests"),
        ("Server: {}", "Server"), ("archive: { maxSize: 1 }", "archive.maxSize"),
    ])
    func unknownKeysAreErrors(_ yaml: String, _ field: String) { #expect(self.fields(yaml) == [field]) }

    @Test(arguments: [
        ("server: { port: 1, port: 2 }", "server.port"), ("cache: {}\ncache: {}", "cache"),
        ("providers: [{ name: a, name: b, kind: x }]", "providers[0].name"),
    ])
    func repeatedKeysAreErrors(_ yaml: String, _ field: String) {
        let problems = self.problems(yaml)
        #expect(!problems.isEmpty)
        #expect(problems.allSatisfy { $0.field == field || $0.field == "(file)" }, "\(problems)")
    }

    @Test(arguments: ["a: [", "\tx: 1", "a: b: c", "- 1\n- 2", "just text"])
    func whatIsNoMappingIsAnError(_ yaml: String) { #expect(self.fields(yaml) == ["(file)"]) }

    @Test(arguments: [
        ("server: 5", "server"), ("server: [1]", "server"), ("providers: {}", "providers"),
        ("providers: x", "providers"),
        ("server: { host: [a] }", "server.host"), ("egress: { allowDomains: { a: b } }", "egress.allowDomains"),
        ("egress: { allowDomains: [[a]] }", "egress.allowDomains"), ("server: { port: true }", "server.port"),
        ("server: { port: 80.5 }", "server.port"), ("server: { publicURL: ftp://x }", "server.publicURL"),
        ("server: { headerTimeout: 0s }", "server.headerTimeout"),
        ("server: { trustedProxies: [10.0.0.0/8, 0.0.0.0/0] }", "server.trustedProxies[1]"),
        ("server: { trustedProxies: proxy.example.com }", "server.trustedProxies[0]"),
        ("server: { trustedProxies: { a: b } }", "server.trustedProxies"),
        ("logs: { retention: 5m }", "logs.retention"),
        ("fanOut: { deadline: 0s }", "fanOut.deadline"), ("cache: { staleFor: 1s }", "cache.staleFor"),
        ("limits: { default: { bytesPerDay: much } }", "limits.default.bytesPerDay"),
        ("limits: { default: { bytesPerSecond: 0 } }", "limits.default.bytesPerSecond"),
    ])
    func valuesOfTheWrongFormAreErrors(_ yaml: String, _ field: String) { #expect(self.fields(yaml) == [field]) }

    @Test(arguments: [
        ("server: { tls: { certificate: none.pem, privateKey: b.pem } }", "server.tls"),
        ("server: { tls: { certificate: none.pem } }", "server.tls.privateKey"),
        ("server: { cors: { origins: [\"*\", \"https://a.example/path\"] } }", "server.cors.origins[1]"),
        ("server: { maxInFlight: 0 }", "server.maxInFlight"), ("server: { minBodyRate: slow }", "server.minBodyRate"),
        ("upstream: { breaker: { pause: 1h } }", "upstream.breaker.longestPause"),
    ])
    func boundsOfTheFrontDoorAreChecked(_ yaml: String, _ field: String) {
        #expect(self.fields(yaml) == [field], "\(self.problems(yaml))")
    }

    @Test func whatAnAdapterFindsIsReportedAtItsPlace() {
        do throws(ConfigurationError) {
            _ = try ConfigurationFile.read(
                "providers: [{ name: a, kind: x }, { name: b, kind: y }]",
                environment: [:],
                checkProvider: { $0.kind == "y" ? [FieldProblem(field: "credentials[0].apiKey", message: "m")] : [] }
            )
            Issue.record("It was accepted.")
        } catch {
            #expect(error.problems.map(\.field) == ["providers[1].credentials[0].apiKey"])
        }
    }

    // MARK: Environment

    @Test func aMissingVariableNamesTheLine() {
        let problems = self.problems("server:\n  port: 1\n  host: ${NO_SUCH_NAME}\n")
        #expect(problems.map(\.field) == ["server.host"])
        #expect(problems.first?.message.contains("NO_SUCH_NAME") == true)
        #expect(problems.first?.message.contains("line 3") == true)
    }

    @Test(arguments: [
        ("${A}", "1"), ("${A:-x}", "1"), ("${B:-x}", "x"), ("${EMPTY:-x}", "x"), ("a${A}b${B:-}c", "a1bc"),
        ("${B:-a:-b}", "a:-b"), ("$A", "$A"), ("{A}", "{A}"), ("x${B:-${", "?"),
    ])
    func variablesStandInText(_ text: String, _ value: String) throws {
        let yaml = "storage: { path: '\(text)' }"
        let environment = ["A": "1", "EMPTY": ""]
        if value == "?" {
            #expect(self.fields(yaml, environment) == ["storage.path"])
        } else {
            #expect(try self.read(yaml, environment).storagePath == value)
        }
    }

    @Test func aVariableCannotBringKeysOrVariablesIn() throws {
        let environment = ["A": "x, port: 1 }", "B": "${SECRET}", "SECRET": "s"]
        let configuration = try self.read("storage: { path: \"${A}\" }\nsecrets: { key: \"${B}\" }", environment)
        #expect(configuration.storagePath == "x, port: 1 }")
        #expect(configuration.secretKey == Secret("${SECRET}"))
    }

    @Test func credentialsAreSecrets() throws {
        let yaml =
            "providers: [{ name: a, kind: x, credentials: [{ apiKey: \"${K}\", secret: t }], extra: 5, deep: { a: [1] } }]"
        let configuration = try self.read(yaml, ["K": "sk_1"])
        let provider = try #require(configuration.providers.first)
        #expect(provider.credentials == [["apiKey": Secret("sk_1"), "secret": Secret("t")]])
        #expect(provider.settings == ["extra": 5, "deep": .object(["a": .array([1])])])
        #expect(!"\(configuration)".contains("sk_1"))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("sk_1"))
    }

    // MARK: Limits

    @Test func whatIsLeftOutOfTheDefaultLimitsKeepsItsDefault() throws {
        func limits(_ text: String) throws -> RateLimitPolicy { try self.read("limits: \(text)").defaultLimits }
        let standard = RateLimitPolicy.standard
        #expect(try limits("{}") == standard)
        #expect(try limits("{ default: {} }") == standard)
        #expect(
            try limits("{ default: { concurrent: 3 } }")
                == RateLimitPolicy(requests: standard.requests, burst: standard.burst, concurrent: 3)
        )
        let rate = RequestRate(5, per: .second)
        #expect(
            try limits("{ default: { requests: 5/s } }")
                == RateLimitPolicy(requests: rate, burst: nil, concurrent: standard.concurrent)
        )
        #expect(
            try limits("{ default: { burst: 7 } }")
                == RateLimitPolicy(requests: standard.requests, burst: 7, concurrent: standard.concurrent)
        )
        #expect(try limits("{ default: { concurrent: null } }").concurrent == nil)
        #expect(try limits("{ default: { requests: null, concurrent: null } }").requests == nil)
    }
}
