// SPDX-License-Identifier: Apache-2.0

import Foundation

extension ConfigurationFile {
    /// The section `server`.
    func server(_ node: ConfigurationNode) -> Configuration.Server {
        var server = Configuration.Server()
        server.host = node.text("host") ?? server.host
        server.port = node.integer("port", in: 0...65_535, default: server.port)
        server.publicURL = node.text("publicURL")
        if let url = server.publicURL, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
            node.refuse("publicURL", "must begin with http:// or https://")
        }
        server.stallTimeout = node.seconds("stallTimeout", in: 0.1...86_400, default: server.stallTimeout)
        server.headerTimeout = node.seconds("headerTimeout", in: 0.1...3600, default: server.headerTimeout)
        self.bounds(node, &server)
        server.tls = self.tls(node.section("tls"))
        server.trustedProxies = self.trustedProxies(node)
        let cors = node.section("cors")
        server.corsOrigins = cors.texts("origins")
        for (index, origin) in server.corsOrigins.enumerated() where !Self.isOrigin(origin) {
            cors.refuse("origins[\(index)]", "must be * or as https://app.example.com, without a path")
        }
        cors.finish()
        node.finish()
        return server
    }

    private func tls(_ node: ConfigurationNode) -> TLSFiles? {
        guard !node.keys.isEmpty else { return nil }
        let (certificate, key) = (node.text("certificate"), node.text("privateKey"))
        node.finish()
        for (name, value) in [("certificate", certificate), ("privateKey", key)] where value == nil {
            node.refuse(name, "is needed: a PEM file")
        }
        guard let certificate, let key else { return nil }
        let files = TLSFiles(certificate: self.path(certificate), privateKey: self.path(key))
        if let problem = TLSIdentity.problem(with: files) { self.problems.add("server.tls", problem) }
        return files
    }

    private static func isOrigin(_ text: String) -> Bool {
        guard text != "*" else { return true }
        guard let url = URL(string: text), let scheme = url.scheme, ["http", "https"].contains(scheme),
            let host = url.host, !host.isEmpty
        else { return false }
        return text == "\(scheme)://\(host)\(url.port.map { ":\($0)" } ?? "")"
    }

    /// How much and how slow a request, and how many of them, may be.
    private func bounds(_ node: ConfigurationNode, _ server: inout Configuration.Server) {
        server.idleTimeout = node.seconds("idleTimeout", in: 0.1...86_400, default: server.idleTimeout)
        server.drainTimeout = node.seconds("drainTimeout", in: 0...604_800, default: server.drainTimeout)
        server.minBodyRate = node.bytes("minBodyRate", default: server.minBodyRate)
        server.maxInFlight = node.integer("maxInFlight", in: 1...1_000_000, default: server.maxInFlight)
        server.maxConnections = node.integer("maxConnections", in: 1...1_000_000, default: server.maxConnections)
        server.maxConnectionsPerAddress = node.integer(
            "maxConnectionsPerAddress",
            in: 1...1_000_000,
            default: server.maxConnectionsPerAddress
        )
        server.maxHeaderBytes = node.integer("maxHeaderBytes", in: 1024...1_048_576, default: server.maxHeaderBytes)
        server.maxHeaders = node.integer("maxHeaders", in: 8...1000, default: server.maxHeaders)
        server.maxStreams = node.integer("maxStreams", in: 1...10_000, default: server.maxStreams)
        server.maxTargetBytes = node.integer("maxTargetBytes", in: 256...65_536, default: server.maxTargetBytes)
    }

    private func trustedProxies(_ node: ConfigurationNode) -> [AddressRange] {
        node.texts("trustedProxies").enumerated()
            .compactMap { index, text in
                if let range = AddressRange(text) { return range }
                node.refuse(
                    "trustedProxies[\(index)]",
                    "must be an address, or a network as 10.0.0.0/8 but not of all (/0)"
                )
                return nil
            }
    }
}
