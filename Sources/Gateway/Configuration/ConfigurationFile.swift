// SPDX-License-Identifier: Apache-2.0

public import Downloads
import Foundation
import Yams

/// Reads a configuration, and finds everything that is wrong with it at once.
public struct ConfigurationFile {
    /// What an adapter finds wrong with a provider's configuration; the gateway itself knows no adapter.
    public typealias ProviderCheck = (ProviderConfiguration) -> [FieldProblem]

    private let environment: [String: String]
    let folder: String
    private let checkProvider: ProviderCheck
    let problems = ConfigurationProblems()

    private init(environment: [String: String], folder: String, checkProvider: @escaping ProviderCheck) {
        self.environment = environment
        self.folder = folder
        self.checkProvider = checkProvider
    }

    /// Reads YAML.
    ///
    /// Paths of other files in it are taken from `folder`.
    ///
    /// Throws every fault at once, each with its path in the file.
    public static func read(
        _ yaml: String,
        environment: [String: String],
        folder: String = ".",
        checkProvider: @escaping ProviderCheck
    ) throws(ConfigurationError) -> Configuration {
        let file = ConfigurationFile(environment: environment, folder: folder, checkProvider: checkProvider)
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw ConfigurationError([FieldProblem(field: "(file)", message: "is not well-formed YAML: \(error)")])
        }
        let node = ConfigurationNode(path: "", node: root, environment: environment, problems: file.problems)
        let configuration = file.configuration(node)
        node.finish()
        guard file.problems.all.isEmpty else { throw ConfigurationError(file.problems.all) }
        return configuration
    }

    /// The configuration without a file: the `web` provider, and each vendor whose variables are set.
    public static func standard(
        environment: [String: String],
        checkProvider: @escaping ProviderCheck
    ) throws(ConfigurationError) -> Configuration {
        try Self.read(Self.standardFile, environment: environment, checkProvider: checkProvider)
    }

    /// What is served when there is no file; a vendor without its variables is `unconfigured`.
    static let standardFile = """
        providers:
          - { name: browserbase, kind: browserbase, credentials: [ { apiKey: "${BROWSERBASE_API_KEY:-}" } ] }
          - { name: anchor, kind: anchor, credentials: [ { apiKey: "${ANCHORBROWSER_API_KEY:-}" } ] }
          - { name: notte, kind: notte, credentials: [ { apiKey: "${NOTTE_API_KEY:-}" } ] }
          - { name: vagon, kind: vagon, credentials: [ { apiKey: "${VAGON_API_KEY:-}", secret: "${VAGON_SECRET:-}" } ] }
          - { name: hoody, kind: hoody, baseURL: "${HOODY_URL:-}", credentials: [ { token: "${HOODY_TOKEN:-}" } ] }
          - { name: web, kind: web }
        secrets: { key: "${SLUICE_SECRET_KEY:-}" }
        """

    // MARK: Sections

    private func configuration(_ root: ConfigurationNode) -> Configuration {
        var configuration = Configuration()
        configuration.server = self.server(root.section("server"))
        let storage = root.section("storage")
        configuration.storagePath = storage.text("path") ?? configuration.storagePath
        storage.finish()
        let secrets = root.section("secrets")
        configuration.secretKey = secrets.secret("key")
        secrets.finish()
        let auth = root.section("auth")
        configuration.issuers = self.issuers(auth.sections("jwt"))
        auth.finish()
        configuration.providers = self.providers(root)
        configuration.egress = self.egress(root.section("egress"))
        configuration.defaultLimits = self.limits(root.section("limits"))
        configuration.upstream = self.upstream(root.section("upstream"))
        configuration.freshness = self.freshness(root.section("cache"))
        configuration.fanOut = self.fanOut(root.section("fanOut"))
        configuration.archives = self.archives(root.section("archive"))
        configuration.jobs = self.jobs(root.section("jobs"))
        let metrics = root.section("metrics")
        configuration.openMetrics = !metrics.boolean("key", default: !configuration.openMetrics)
        metrics.finish()
        let logs = root.section("logs")
        configuration.logRetention = logs.seconds("retention", in: 3600...1e9, default: configuration.logRetention)
        if let format = logs.text("format") {
            if let known = Configuration.LogFormat(rawValue: format) {
                configuration.logFormat = known
            } else {
                logs.refuse("format", "must be text or json")
            }
        }
        logs.finish()
        return configuration
    }

    private func providers(_ root: ConfigurationNode) -> [ProviderConfiguration] {
        var seen: Set<ProviderID> = []
        return root.sections("providers").compactMap { node in
            let name = node.text("name") ?? ""
            guard let id = ProviderID(name) else {
                node.refuse("name", "must be 1–64 characters of a–z, 0–9, '-' and '_'")
                return nil
            }
            guard seen.insert(id).inserted else {
                node.refuse("name", "'\(name)' is the name of another provider too")
                return nil
            }
            var provider = ProviderConfiguration(id: id, kind: node.text("kind") ?? "")
            provider.baseURL = node.text("baseURL")
            provider.credentials = node.sections("credentials").map { credential in
                let label = credential.text("label")
                let fields = credential.rest.compactMap { key in credential.secret(key).map { (key, $0) } }
                return ProviderCredential(label: label, fields: Dictionary(fields) { first, _ in first })
            }
            for key in node.rest { provider.settings[key] = node.json(key) }
            for problem in self.checkProvider(provider) { node.refuse(problem.field, problem.message) }
            return provider
        }
    }

    private func egress(_ node: ConfigurationNode) -> Configuration.Egress {
        var egress = Configuration.Egress()
        egress.allowAddresses = node.texts("allowAddresses")
        egress.allowHTTP = node.boolean("allowHTTP", default: egress.allowHTTP)
        egress.allowDomains = node.texts("allowDomains")
        egress.blockDomains = node.texts("blockDomains")
        egress.maxRedirects = node.integer("maxRedirects", in: 0...20, default: egress.maxRedirects)
        egress.maxBytes = node.bytes("maxBytes", default: egress.maxBytes)
        node.finish()
        return egress
    }

    private func upstream(_ node: ConfigurationNode) -> Configuration.Upstream {
        var upstream = Configuration.Upstream()
        upstream.connectTimeout = node.seconds("connectTimeout", in: 0.05...600, default: upstream.connectTimeout)
        upstream.firstByteTimeout = node.seconds(
            "firstByteTimeout",
            in: 0.05...3600,
            default: upstream.firstByteTimeout
        )
        upstream.idleTimeout = node.seconds("idleTimeout", in: 0.05...3600, default: upstream.idleTimeout)
        upstream.breaker = self.breaker(node.section("breaker"))
        node.finish()
        return upstream
    }

    private func breaker(_ node: ConfigurationNode) -> CircuitBreaker.Policy {
        let standard = CircuitBreaker.Policy()
        let policy = CircuitBreaker.Policy(
            failures: node.integer("failures", in: 0...1_000_000, default: standard.failures),
            pause: .seconds(node.seconds("pause", in: 0.01...86_400, default: standard.pause / .seconds(1))),
            longestPause: .seconds(
                node.seconds("longestPause", in: 0.01...86_400, default: standard.longestPause / .seconds(1))
            )
        )
        if policy.longestPause < policy.pause { node.refuse("longestPause", "must not be shorter than pause") }
        node.finish()
        return policy
    }

    private func freshness(_ node: ConfigurationNode) -> Freshness {
        var freshness = Freshness()
        freshness.freshFor = node.seconds("freshFor", in: 0...86_400, default: freshness.freshFor)
        freshness.staleFor = node.seconds("staleFor", in: 0...1e8, default: freshness.staleFor)
        if freshness.staleFor < freshness.freshFor { node.refuse("staleFor", "must not be shorter than freshFor") }
        node.finish()
        return freshness
    }

    private func fanOut(_ node: ConfigurationNode) -> FanOut {
        var fanOut = FanOut()
        fanOut.deadline = node.seconds("deadline", in: 0.05...600, default: fanOut.deadline)
        fanOut.sessions = node.integer("sessions", in: 1...1000, default: fanOut.sessions)
        fanOut.concurrency = node.integer("concurrency", in: 1...64, default: fanOut.concurrency)
        node.finish()
        return fanOut
    }

    private func archives(_ node: ConfigurationNode) -> ArchivePolicy {
        var archives = ArchivePolicy()
        archives.maxFiles = node.integer("maxFiles", in: 1...1_000_000, default: archives.maxFiles)
        archives.maxBytes = node.bytes("maxBytes", default: archives.maxBytes)
        archives.maxTime = node.seconds("maxTime", in: 1...1e7, default: archives.maxTime)
        node.finish()
        return archives
    }

    private func jobs(_ node: ConfigurationNode) -> JobPolicy {
        var jobs = JobPolicy()
        jobs.concurrency = node.integer("concurrency", in: 1...1000, default: jobs.concurrency)
        jobs.perHost = node.integer("perHost", in: 1...1000, default: jobs.perHost)
        jobs.mostOpen = node.integer("mostOpen", in: 1...1_000_000, default: jobs.mostOpen)
        jobs.history = node.seconds("history", in: 0...1e9, default: jobs.history)
        jobs.copyTimeout = node.seconds("copyTimeout", in: 1...1e7, default: jobs.copyTimeout)
        jobs.mostSpooled = node.bytes("maxSpooled", default: jobs.mostSpooled)
        node.finish()
        return jobs
    }
}
