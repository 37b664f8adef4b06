// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// A configuration as it may be shown: every value by its path, secrets by their fingerprint only.
///
/// It tells two configurations apart: what a reload changes, and what `sluice check --diff` shows.
public struct ConfigurationOutline: Codable, Hashable, Sendable {
    /// One difference.
    public struct Change: Codable, Hashable, Sendable {
        /// Where, as in the file; lists of providers and issuers go by name.
        public let path: String
        /// What was there; `nil`: nothing.
        public let from: String?
        /// What is there now; `nil`: nothing.
        public let to: String?
        /// Whether it takes a restart; all else a reload brings about.
        public let needsRestart: Bool
    }

    /// The values by their paths.
    public private(set) var values: [String: String] = [:]

    /// What a running gateway replaces without dropping a stream; under `server`, only these keys.
    private static let reloadable = ["providers", "egress", "limits", "auth", "upstream"]
    private static let reloadableOfServer: Set<String> = [
        "headerTimeout", "idleTimeout", "minBodyRate", "maxInFlight", "maxConnections", "maxConnectionsPerAddress",
        "maxHeaderBytes", "maxHeaders", "maxTargetBytes", "maxStreams", "drainTimeout", "trustedProxies", "cors",
    ]

    /// The outline of a configuration, defaults included.
    public init(_ configuration: Configuration) {
        self.add(configuration.server)
        self["storage.path"] = configuration.storagePath
        self["secrets.key"] = configuration.secretKey.map(Self.shown)
        for issuer in configuration.issuers { self.add(issuer) }
        for provider in configuration.providers { self.add(provider) }
        self.add(configuration.egress)
        self.add(configuration.defaultLimits)
        self.add(configuration.upstream)
        self["cache.freshFor"] = "\(configuration.freshness.freshFor) s"
        self["cache.staleFor"] = "\(configuration.freshness.staleFor) s"
        self["fanOut.deadline"] = "\(configuration.fanOut.deadline) s"
        self["fanOut.sessions"] = "\(configuration.fanOut.sessions)"
        self["fanOut.concurrency"] = "\(configuration.fanOut.concurrency)"
        self["archive.maxFiles"] = "\(configuration.archives.maxFiles)"
        self["archive.maxBytes"] = "\(configuration.archives.maxBytes)"
        self["archive.maxTime"] = "\(configuration.archives.maxTime) s"
        self["jobs.concurrency"] = "\(configuration.jobs.concurrency)"
        self["jobs.perHost"] = "\(configuration.jobs.perHost)"
        self["jobs.mostOpen"] = "\(configuration.jobs.mostOpen)"
        self["jobs.history"] = "\(configuration.jobs.history) s"
        self["jobs.copyTimeout"] = "\(configuration.jobs.copyTimeout) s"
        self["jobs.maxSpooled"] = "\(configuration.jobs.mostSpooled)"
        self["metrics.key"] = "\(!configuration.openMetrics)"
        self["logs.format"] = configuration.logFormat.rawValue
        self["logs.retention"] = "\(configuration.logRetention) s"
    }

    private subscript(path: String) -> String? {
        get { self.values[path] }
        set { self.values[path] = newValue }
    }

    // MARK: Sections

    private mutating func add(_ server: Configuration.Server) {
        self["server.host"] = server.host
        self["server.port"] = "\(server.port)"
        self["server.publicURL"] = server.publicURL
        self["server.stallTimeout"] = "\(server.stallTimeout) s"
        self["server.headerTimeout"] = "\(server.headerTimeout) s"
        self["server.idleTimeout"] = "\(server.idleTimeout) s"
        self["server.drainTimeout"] = "\(server.drainTimeout) s"
        self["server.minBodyRate"] = "\(server.minBodyRate) B/s"
        self["server.maxInFlight"] = "\(server.maxInFlight)"
        self["server.maxConnections"] = "\(server.maxConnections)"
        self["server.maxConnectionsPerAddress"] = "\(server.maxConnectionsPerAddress)"
        self["server.maxHeaderBytes"] = "\(server.maxHeaderBytes)"
        self["server.maxHeaders"] = "\(server.maxHeaders)"
        self["server.maxTargetBytes"] = "\(server.maxTargetBytes)"
        self["server.maxStreams"] = "\(server.maxStreams)"
        self["server.tls.certificate"] = server.tls?.certificate
        self["server.tls.privateKey"] = server.tls?.privateKey
        self["server.cors.origins"] = Self.list(server.corsOrigins)
        self["server.trustedProxies"] = Self.list(server.trustedProxies.map(\.description))
    }

    private mutating func add(_ issuer: JWTIssuer) {
        let path = "auth.jwt[\(issuer.issuer)]"
        self["\(path).audience"] = Self.list(issuer.audiences)
        self["\(path).algorithms"] = Self.list(issuer.algorithms.map(\.rawValue))
        self["\(path).leeway"] = "\(issuer.leeway)"
        switch issuer.key {
        case .publicKeyPEM(let pem): self["\(path).publicKey"] = Self.shown(Secret(pem))
        case .secret(let secret): self["\(path).secret"] = Self.shown(secret)
        case .keySet(.file(let file)): self["\(path).jwks"] = file
        // A query may hold a token.
        case .keySet(.url(let url)): self["\(path).jwks"] = Self.shown(Secret(url))
        case .keySet(.discovery): self["\(path).jwks"] = "discovered"
        }
    }

    private mutating func add(_ provider: ProviderConfiguration) {
        let path = "providers[\(provider.id)]"
        self["\(path).kind"] = provider.kind
        // Hoody's address is its secret.
        self["\(path).baseURL"] = provider.baseURL.flatMap { $0.isEmpty ? nil : Self.shown(Secret($0)) }
        let used = provider.credentials.filter { !$0.fields.values.allSatisfy(\.isEmpty) }
        for credential in used { self["\(path).credentials[\(credential.fingerprint)]"] = credential.label ?? "there" }
        for (key, value) in provider.settings where value != .null {
            self["\(path).\(key)"] = (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private mutating func add(_ egress: Configuration.Egress) {
        self["egress.allowAddresses"] = Self.list(egress.allowAddresses)
        self["egress.allowHTTP"] = "\(egress.allowHTTP)"
        self["egress.allowDomains"] = Self.list(egress.allowDomains)
        self["egress.blockDomains"] = Self.list(egress.blockDomains)
        self["egress.maxRedirects"] = "\(egress.maxRedirects)"
        self["egress.maxBytes"] = "\(egress.maxBytes)"
    }

    private mutating func add(_ limits: RateLimitPolicy) {
        self["limits.default.requests"] = limits.requests?.description
        self["limits.default.burst"] = limits.burst.map { "\($0)" }
        self["limits.default.concurrent"] = limits.concurrent.map { "\($0)" }
        self["limits.default.bytesPerDay"] = limits.bytesPerDay.map { "\($0)" }
        self["limits.default.bytesPerSecond"] = limits.bytesPerSecond.map { "\($0)" }
    }

    private mutating func add(_ upstream: Configuration.Upstream) {
        self["upstream.connectTimeout"] = "\(upstream.connectTimeout) s"
        self["upstream.firstByteTimeout"] = "\(upstream.firstByteTimeout) s"
        self["upstream.idleTimeout"] = "\(upstream.idleTimeout) s"
        self["upstream.breaker.failures"] = "\(upstream.breaker.failures)"
        self["upstream.breaker.pause"] = "\(upstream.breaker.pause)"
        self["upstream.breaker.longestPause"] = "\(upstream.breaker.longestPause)"
    }

    private static func list(_ texts: [String]) -> String { "[\(texts.joined(separator: ", "))]" }

    private static func shown(_ secret: Secret) -> String {
        "(secret \(ProviderCredential(fields: ["": secret]).fingerprint))"
    }

    // MARK: Differences

    /// What is different in `new`, by path.
    public func changes(to new: ConfigurationOutline) -> [Change] {
        Set(self.values.keys).union(new.values.keys).sorted().compactMap { path in
            let (from, to) = (self.values[path], new.values[path])
            guard from != to else { return nil }
            return Change(path: path, from: from, to: to, needsRestart: !Self.isReloadable(path))
        }
    }

    /// What a gateway runs with that has reloaded `new`: what takes a restart is as it was.
    public func reloading(_ new: ConfigurationOutline) -> ConfigurationOutline {
        var result = new
        for change in self.changes(to: new) where change.needsRestart { result[change.path] = change.from }
        return result
    }

    private static func isReloadable(_ path: String) -> Bool {
        let parts = path.split(maxSplits: 2) { $0 == "." || $0 == "[" }.map(String.init)
        guard parts.first == "server" else { return parts.first.map { Self.reloadable.contains($0) } ?? false }
        return parts.count > 1 && Self.reloadableOfServer.contains(parts[1])
    }
}

// MARK: - Of the running gateway

extension ConfigurationOutline {
    /// Where a gateway keeps the outline of what it runs with.
    private static func file(in storage: String) -> URL {
        URL(fileURLWithPath: storage).appendingPathComponent("running.json")
    }

    /// What the gateway over this store started or last reloaded with; `nil` where there was none.
    public static func running(in storage: String) -> ConfigurationOutline? {
        guard let bytes = try? Data(contentsOf: Self.file(in: storage)) else { return nil }
        return try? JSONDecoder().decode(ConfigurationOutline.self, from: bytes)
    }

    /// Notes that a gateway runs with this over the store.
    public func keep(in storage: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: Self.file(in: storage), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: Self.file(in: storage).path)
    }
}
