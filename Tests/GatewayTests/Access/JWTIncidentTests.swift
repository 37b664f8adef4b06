// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Logging
import Testing

@testable import Gateway

/// One test per incident of `security.md`, rows 5–7 and 21.
@Suite struct JWTIncidentTests {
    private let rsaIssuer = JWTForge.issuer([.rs256], .publicKeyPEM(JWTFixtures.rsa))

    /// libjwt alone accepts this token: the public key's text, which everyone has, as the HMAC secret.
    @Test(arguments: [JWTFixtures.rsa, JWTFixtures.rsa + "\n", JWTFixtures.rsa.trimmingCharacters(in: .newlines)])
    func cve_2015_9235_publicKeyIsNoSharedSecret(pem: String) async throws {
        let token = JWTForge.token(payload: JWTForge.payload(), secret: pem)
        #expect(try await JWTForge.refusal(of: token, by: self.rsaIssuer) == .invalid("not the issuer's algorithm"))
    }

    @Test func honoCVE_2026_22817_headerDoesNotChooseTheAlgorithm() async throws {
        #expect(
            try await JWTForge.refusal(of: JWTFixtures.rs384Token, by: self.rsaIssuer)
                == .invalid("not the issuer's algorithm")
        )
        let header = #"{"alg":"RS256"}"#
        let token = JWTForge.token(header: header, payload: JWTForge.payload(), secret: JWTFixtures.rsa)
        #expect(try await JWTForge.refusal(of: token, by: self.rsaIssuer) == .invalid("signature is wrong"))
    }

    @Test(arguments: [
        "none", "None", "NONE", "nOnE", " none", "", "null", "HS", "hs256", "RS256 ", "ES256K", "PS256", "EdDSA",
    ])
    func harbourJwtCVE_2026_23993_noneAndUnknownAlgorithmsAreRefused(name: String) async throws {
        let header = Base64URL.encode(#"{"alg":"\#(name)","typ":"JWT"}"#.utf8)
        let payload = Base64URL.encode(JWTForge.payload().utf8)
        for signature in ["", "AA"] {
            #expect(try await JWTForge.refusal(of: "\(header).\(payload).\(signature)") != nil)
            #expect(try await JWTForge.refusal(of: "\(header).\(payload).\(signature)", by: self.rsaIssuer) != nil)
        }
        let signed = JWTForge.token(header: #"{"alg":"\#(name)"}"#, payload: JWTForge.payload())
        #expect(try await JWTForge.refusal(of: signed) == .invalid("header names no supported algorithm"))
    }

    @Test(arguments: [#"{}"#, #"{"alg":null}"#, #"{"alg":["HS256"]}"#, #"{"alg":1}"#, #"["HS256"]"#, #""HS256""#])
    func refusesHeadersWithoutAnAlgorithm(header: String) async throws {
        #expect(try await JWTForge.refusal(of: JWTForge.token(header: header, payload: JWTForge.payload())) != nil)
    }

    @Test func cve_2018_0114_embeddedKeyIsRefused() async throws {
        #expect(try await JWTForge.refusal(of: JWTFixtures.ownJWKToken, by: self.rsaIssuer) != nil)
    }

    @Test(arguments: [
        #""jku":"https://evil""#, #""x5u":"https://evil""#, #""x5c":["MII"]"#, #""jwk":{}"#, #""jwk":null"#,
    ])
    func apisixCVE_2026_39999_keysInTheHeaderAreIgnored(member: String) async throws {
        let header = #"{"alg":"HS256",\#(member)}"#
        #expect(try await JWTForge.refusal(of: JWTForge.token(header: header, payload: JWTForge.payload())) == nil)
        let forged = JWTForge.token(header: header, payload: JWTForge.payload(), secret: "another")
        #expect(try await JWTForge.refusal(of: forged) == .invalid("signature is wrong"))
    }

    /// The numbers of a public key are no secret either, in whatever form.
    @Test func cve_2015_9235_modulusIsNoSharedSecret() async throws {
        let issuer = FakeIssuer([.rs256])
        let jwk = try FakeIssuer.jwk(rsa: JWTFixtures.rsa, id: "a")
        issuer.publish(FakeIssuer.set(jwk))
        let modulus = try #require(jwk.firstMatch(of: /"n":"([^"]+)"/)?.1)
        for secret in [String(modulus), jwk, FakeIssuer.set(jwk), JWTFixtures.rsa] {
            for header in [#"{"alg":"HS256","kid":"a"}"#, #"{"alg":"RS256","kid":"a"}"#] {
                let token = JWTForge.token(header: header, payload: JWTForge.payload(), secret: secret)
                #expect(await JWTForge.refusal(of: token, by: try issuer.verifier()) != nil)
            }
        }
    }

    @Test func cve_2018_0114_aTokenAddsNoKeyToThePublishedOnes() async throws {
        let (issuer, own, forged) = (FakeIssuer(), SigningKey("a"), SigningKey("a"))
        issuer.publish(FakeIssuer.set(own.jwk()))
        let verifier = try issuer.verifier()
        #expect(await JWTForge.refusal(of: try own.token(), by: verifier) == nil)
        let token = try forged.token(header: #""jwk":\#(forged.jwk())"#)
        #expect(await JWTForge.refusal(of: token, by: verifier) == .invalid("signature is wrong"))
        #expect(await JWTForge.refusal(of: try forged.token(), by: verifier) == .invalid("signature is wrong"))
        #expect(issuer.asked == [FakeIssuer.url])
    }

    /// Two issuers may use the same name for their keys: what is known of one says nothing of the other.
    @Test func litellmCVE_2026_35030_keysAreKnownByTheirWholeIssuer() async throws {
        let (first, second) = (SigningKey("key-1"), SigningKey("key-1"))
        let published = [
            "https://a.example.com/jwks": FakeIssuer.set(first.jwk()),
            "https://a.example.com.b/jwks": FakeIssuer.set(second.jwk()),
        ]
        let issuers = ["https://a.example.com", "https://a.example.com.b"].map { name in
            JWTIssuer(
                issuer: name,
                audiences: ["sluice"],
                algorithms: [.es256],
                key: .keySet(.url(name + "/jwks"))
            )
        }
        let verifier = try JWTVerifier(
            issuers,
            fetch: KeyFetch { url, _ in Array((published[url] ?? "").utf8) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        for (issuer, own, other) in [(issuers[0], first, second), (issuers[1], second, first)] {
            let payload = JWTForge.payload(["iss": "\"\(issuer.issuer)\""])
            #expect(await JWTForge.refusal(of: try own.token(payload: payload), by: verifier) == nil)
            #expect(
                await JWTForge.refusal(of: try other.token(payload: payload), by: verifier)
                    == .invalid("signature is wrong")
            )
        }
    }

    @Test(arguments: ["../../dev/null", "' OR 1=1 --", "/proc/sys/kernel/randomize_va_space", "https://evil", ""])
    func kidChoosesNothing(kid: String) async throws {
        let header = #"{"alg":"HS256","kid":"\#(kid)"}"#
        #expect(try await JWTForge.refusal(of: JWTForge.token(header: header, payload: JWTForge.payload())) == nil)
        for secret in ["", "\u{0}", "2\n"] {
            let forged = JWTForge.token(header: header, payload: JWTForge.payload(), secret: secret)
            #expect(try await JWTForge.refusal(of: forged) == .invalid("signature is wrong"))
        }
    }

    @Test(arguments: [#"["exp"]"#, "[]", #"["b64"],"b64":false"#, "null"]) func criticalExtensionsAreRefused(
        value: String
    ) async throws {
        let token = JWTForge.token(header: #"{"alg":"HS256","crit":\#(value)}"#, payload: JWTForge.payload())
        #expect(try await JWTForge.refusal(of: token) == .invalid("header has 'crit'"))
    }

    @Test(arguments: [#""JWE""#, #""logout+jwt""#, "1", "null", #""""#]) func otherTypesAreRefused(
        type: String
    ) async throws {
        let token = JWTForge.token(header: #"{"alg":"HS256","typ":\#(type)}"#, payload: JWTForge.payload())
        let isText = type.hasPrefix("\"")
        #expect(
            try await JWTForge.refusal(of: token)
                == .invalid(isText ? "header has another 'typ'" : "header has a 'typ' that is no text")
        )
    }

    @Test(arguments: ["1", "null", #"["a"]"#, "{}"]) func aNameOfAKeyIsAText(kid: String) async throws {
        let token = JWTForge.token(header: #"{"alg":"HS256","kid":\#(kid)}"#, payload: JWTForge.payload())
        #expect(try await JWTForge.refusal(of: token) == .invalid("header has a 'kid' that is no text"))
    }

    @Test func pac4jCVE_2026_29000_encryptedIsNotSigned() async throws {
        // Five parts, and as three parts with a JWE's header: either is no login.
        let header = Base64URL.encode(#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#.utf8)
        let payload = Base64URL.encode(JWTForge.payload().utf8)
        #expect(
            try await JWTForge.refusal(of: "\(header).AA.AA.\(payload).AA")
                == .invalid("not a signed token of three parts")
        )
        #expect(
            try await JWTForge.refusal(of: "\(header).\(payload).AA") == .invalid("header names no supported algorithm")
        )
        // A plain token wrapped in an encrypted one is a payload that is no JSON object.
        let nested = JWTForge.token(header: #"{"alg":"HS256","cty":"JWT"}"#, payload: "e30.e30.")
        #expect(try await JWTForge.refusal(of: nested) == .invalid("payload is malformed"))
    }

    @Test func cve_2022_21449_psychicSignatureIsRefused() async throws {
        for (algorithm, pem, token, bytes) in [
            (JWTAlgorithm.es256, JWTFixtures.p256, JWTFixtures.es256Token, 64),
            (.es384, JWTFixtures.p384, JWTFixtures.es384Token, 96),
            (.es512, JWTFixtures.p521, JWTFixtures.es512Token, 132),
        ] {
            let signed = token.split(separator: ".").prefix(2).joined(separator: ".")
            let issuer = JWTForge.issuer([algorithm], .publicKeyPEM(pem))
            for size in [bytes, bytes - 2, 2, 1] {
                let zeros = Base64URL.encode([UInt8](repeating: 0, count: size))
                #expect(
                    try await JWTForge.refusal(of: "\(signed).\(zeros)", by: issuer) == .invalid("signature is wrong")
                )
            }
        }
    }

    @Test func apisixPayloadOverride_extraClaimsChangeNothing() async throws {
        let payload = JWTForge.payload([
            "key": #""other""#, "keyId": #""admin""#, "id": #""admin""#, "caller": #""admin""#, "admin": "true",
            "limits": #"{"requests":"9999/s"}"#, "scopes": #"["admin"]"#, "role": #""admin""#, "kid": #""admin""#,
            "alg": #""none""#, "issuer": #""other""#, "provider": #"["*"]"#, "expiresAt": "9999999999",
        ])
        let caller = try await JWTForge.verify(JWTForge.token(payload: payload))
        #expect(caller == (try await JWTForge.verify(JWTForge.token(payload: JWTForge.payload()))))
        #expect(caller.scopes == [.read] && caller.limits == nil && caller.sessions == nil)
    }

    @Test func apisixPayloadOverride_aTokenNarrowsItsCallerAndNeverWidens() async throws {
        for (claim, value) in [
            ("sessions", #"["\u0000"]"#), ("sessions", "[]"), ("providers", #"["*"]"#), ("providers", "[]"),
        ] {
            let caller = try await JWTForge.verify(JWTForge.token(payload: JWTForge.payload([claim: value])))
            let provider = try #require(ProviderID("anchor"))
            #expect(!caller.maySee(session: "a", of: provider), "\(claim): \(value)")
            #expect(!caller.maySee(session: nil, of: provider), "\(claim): \(value)")
        }
    }

    @Test func apisixPayloadOverride_duplicateClaimsAreRefused() async throws {
        let payload = String(JWTForge.payload().dropLast()) + #","exp":9999999999}"#
        #expect(try await JWTForge.refusal(of: JWTForge.token(payload: payload)) == .invalid("payload is malformed"))
    }

    @Test func noReasonHoldsAnythingOfTheToken() async throws {
        let marker = "sluice-marker"
        let issuer = #""https://\#(marker)""#
        for token in [
            JWTForge.token(payload: JWTForge.payload(["iss": issuer])),
            JWTForge.token(payload: JWTForge.payload(["aud": #""\#(marker)""#])),
            JWTForge.token(header: #"{"alg":"\#(marker)"}"#, payload: JWTForge.payload()),
        ] {
            let refusal = try #require(try await JWTForge.refusal(of: token))
            #expect(!"\(refusal)".contains(marker))
        }
    }
}
