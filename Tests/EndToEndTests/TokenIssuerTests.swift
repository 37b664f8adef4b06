// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Simulators
import Testing

extension EndToEnd {
    /// Tokens of an issuer that publishes its keys over HTTP.
    @Suite struct TokenIssuerTests {
        /// An issuer on loopback: answers discovery and its keys.
        private struct Issuer {
            let server: RawServer
            let key: P256.Signing.PrivateKey

            static func start() async throws -> Issuer {
                let key = P256.Signing.PrivateKey()
                let point = key.publicKey.rawRepresentation
                let (x, y) = (Self.base64URL(point.prefix(32)), Self.base64URL(point.suffix(32)))
                let keys = #"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"k1","x":"\#(x)","y":"\#(y)"}]}"#
                let server = try await RawServer.start { connection in
                    while true {
                        let head = try await connection.readHead()
                        let host = head.values("host").first ?? ""
                        let document = #"{"issuer":"http://\#(host)","jwks_uri":"http://\#(host)/keys"}"#
                        let body = head.line.contains("/keys ") ? keys : document
                        try await connection.send(
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                                + body
                        )
                    }
                }
                return Issuer(server: server, key: key)
            }

            var name: String { self.server.url("") }

            func token(_ key: String = "k1", expiresIn seconds: Double = 600) throws -> String {
                let expiry = Int(Date().timeIntervalSince1970 + seconds)
                let payload =
                    #"{"iss":"\#(self.name)","aud":"sluice","sub":"alice","exp":\#(expiry),"scope":"downloads:read"}"#
                let signed = [#"{"alg":"ES256","typ":"at+jwt","kid":"\#(key)"}"#, payload].map {
                    Self.base64URL($0.utf8)
                }
                .joined(separator: ".")
                return signed + "."
                    + Self.base64URL(try self.key.signature(for: Data(signed.utf8)).rawRepresentation)
            }

            private static func base64URL(_ bytes: some Sequence<UInt8>) -> String {
                Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                    .replacing("=", with: "")
            }
        }

        private static func settings(_ issuer: String) -> GatewaySettings {
            var settings = GatewaySettings(providers: "  []")
            // The issuer is on a private address all the same: the operator named it.
            settings.allowAddresses = "[]"
            settings.auth = "{ jwt: [ \(issuer) ] }"
            return settings
        }

        @Test func keysAreDiscoveredAndOutliveTheirIssuer() async throws {
            let issuer = try await Issuer.start()
            let settings = Self.settings("{ issuer: '\(issuer.name)', audience: sluice, algorithms: [ES256] }")
            try await EndToEndFixture.run(settings) { gateway in
                // Before any token comes.
                try await eventually("the keys are loaded") { issuer.server.requests.count == 2 }
                let token = try issuer.token()
                let answer = try await gateway.caller(token).get("/v1/downloads")
                #expect(answer.status == 200, "\(answer.text)")
                #expect(
                    try await gateway.caller(issuer.token(expiresIn: -120)).get("/v1/downloads").code == "TOKEN_EXPIRED"
                )
                #expect(issuer.server.requests.count == 2)
                #expect(issuer.server.requests.allSatisfy { $0.values("authorization").isEmpty })
                await issuer.server.shutdown()
                #expect(try await gateway.caller(token).get("/v1/downloads").status == 200)
                let unknown = try await gateway.caller(issuer.token("k2")).get("/v1/downloads")
                #expect(unknown.status == 401 && unknown.code == "UNAUTHENTICATED")
                #expect(gateway.log.text.holds("keys of a token issuer could not be loaded"))
                #expect(!gateway.log.text.holds(token))
            }
        }

        @Test func anIssuerThatIsNotThereStopsNobodyElse() async throws {
            let issuer = try await Issuer.start()
            await issuer.server.shutdown()
            let settings = Self.settings(
                "{ issuer: x, audience: sluice, algorithms: [ES256], jwks: '\(issuer.server.url("/keys"))' }"
            )
            try await EndToEndFixture.run(settings) { gateway in
                #expect(try await gateway.admin.get("/v1/downloads").status == 200)
                try await eventually("the operator is told") {
                    gateway.log.text.holds("keys of a token issuer could not be loaded")
                }
            }
        }

        @Test func checkLoadsTheKeys() async throws {
            let issuer = try await Issuer.start()
            try await withTemporaryFolder { folder in
                let settings = Self.settings("{ issuer: '\(issuer.name)', audience: sluice, algorithms: [ES256] }")
                let file = folder.appendingPathComponent("sluice.yaml")
                try settings.yaml(storage: folder, vendors: nil).write(to: file, atomically: true, encoding: .utf8)
                let arguments = ["check", "--config", file.path]
                let well = try await GatewayProcess.run(arguments + ["--json"], in: folder)
                let json = try JSONDecoder().decode(JSONValue.self, from: Data(well.output.utf8))
                #expect(well.status == 0, "\(well.output)\(well.complaints)")
                #expect(json["issuers"].list.map { $0["issuer"] } == [.string(issuer.name)])
                #expect(json["issuers"].list.first?["keys"] == 1 && json["issuers"].list.first?["state"] == "ok")
                await issuer.server.shutdown()
                let ill = try await GatewayProcess.run(arguments, in: folder)
                #expect(ill.status == 1 && ill.output.contains("\(issuer.name)  failed"), "\(ill.output)")
            }
        }
    }
}
