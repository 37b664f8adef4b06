// SPDX-License-Identifier: Apache-2.0

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
        let tls = node.section("tls")
        if !tls.rest.isEmpty {
            node.refuse("tls", "is not served by this version; put a TLS proxy in front (see deploy/)")
        }
        server.trustedProxies = self.trustedProxies(node)
        let cors = node.section("cors")
        if !cors.texts("origins").isEmpty { cors.refuse("origins", "is not served by this version") }
        cors.finish()
        node.finish()
        return server
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
