// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

extension ConfigurationFile {
    /// Reads `auth.jwt`.
    func issuers(_ nodes: [ConfigurationNode]) -> [JWTIssuer] {
        var seen: Set<String> = []
        return nodes.map { node in
            let issuer = self.issuer(node)
            if !seen.insert(issuer.issuer).inserted { node.refuse("issuer", "is there twice") }
            return issuer
        }
    }

    private func issuer(_ node: ConfigurationNode) -> JWTIssuer {
        let names = node.texts("algorithms")
        let algorithms = names.compactMap(JWTAlgorithm.init)
        if algorithms.count != names.count { node.refuse("algorithms", "must be of RS, ES or HS with 256, 384 or 512") }
        let key = self.keySource(node)
        let issuer = JWTIssuer(
            issuer: node.text("issuer") ?? "",
            audiences: node.texts("audience"),
            algorithms: algorithms,
            leeway: .seconds(node.seconds("leeway", in: 0...3600, default: 60)),
            key: key ?? .keySet(.discovery)
        )
        node.finish()
        let problems = key == nil ? issuer.settingProblems(at: node.path) : issuer.problems(at: node.path)
        for problem in problems { self.problems.add(problem.field, problem.message) }
        if problems.isEmpty, case .keySet(.file(let path)) = issuer.key {
            do throws(JWKSetError) {
                _ = try JWKSet(file: path, for: algorithms)
            } catch {
                node.refuse("jwks", error.message)
            }
        }
        return issuer
    }

    /// Where the key is from; `nil` where that is wrong, which is noted.
    private func keySource(_ node: ConfigurationNode) -> JWTIssuer.KeySource? {
        let (file, secret, jwks) = (node.text("publicKey"), node.secret("secret"), node.text("jwks"))
        let given = ["publicKey": file != nil, "secret": secret != nil, "jwks": jwks != nil].filter(\.value).keys
        guard given.count <= 1 else {
            for field in given.sorted() { node.refuse(field, "there must be just one of publicKey, secret and jwks") }
            return nil
        }
        if let secret { return .secret(secret) }
        if let jwks {
            let isURL = jwks.hasPrefix("http://") || jwks.hasPrefix("https://")
            return .keySet(isURL ? .url(jwks) : .file(self.path(jwks)))
        }
        guard let file else { return .keySet(.discovery) }
        guard let pem = try? String(contentsOfFile: self.path(file), encoding: .utf8) else {
            node.refuse("publicKey", "the file '\(file)' cannot be read")
            return nil
        }
        return .publicKeyPEM(pem)
    }

    func path(_ file: String) -> String { file.hasPrefix("/") ? file : "\(self.folder)/\(file)" }
}
