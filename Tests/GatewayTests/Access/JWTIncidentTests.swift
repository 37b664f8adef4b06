// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Testing

@testable import Gateway

/// One test per incident of `security.md`, rows 5–7 and 21.
@Suite struct JWTIncidentTests {
    private let rsaIssuer = JWTForge.issuer([.rs256], .publicKeyPEM(JWTFixtures.rsa))

    /// libjwt alone accepts this token: the public key's text, which everyone has, as the HMAC secret.
    @Test(arguments: [JWTFixtures.rsa, JWTFixtures.rsa + "\n", JWTFixtures.rsa.trimmingCharacters(in: .newlines)])
    func cve_2015_9235_publicKeyIsNoSharedSecret(pem: String) throws {
        let token = JWTForge.token(payload: JWTForge.payload(), secret: pem)
        #expect(try JWTForge.refusal(of: token, by: self.rsaIssuer) == .invalid("not the issuer's algorithm"))
    }

    @Test func honoCVE_2026_22817_headerDoesNotChooseTheAlgorithm() throws {
        #expect(
            try JWTForge.refusal(of: JWTFixtures.rs384Token, by: self.rsaIssuer)
                == .invalid("not the issuer's algorithm")
        )
        let header = #"{"alg":"RS256"}"#
        let token = JWTForge.token(header: header, payload: JWTForge.payload(), secret: JWTFixtures.rsa)
        #expect(try JWTForge.refusal(of: token, by: self.rsaIssuer) == .invalid("signature is wrong"))
    }

    @Test(arguments: [
        "none", "None", "NONE", "nOnE", " none", "", "null", "HS", "hs256", "RS256 ", "ES256K", "PS256", "EdDSA",
    ])
    func harbourJwtCVE_2026_23993_noneAndUnknownAlgorithmsAreRefused(name: String) throws {
        let header = Base64URL.encode(#"{"alg":"\#(name)","typ":"JWT"}"#.utf8)
        let payload = Base64URL.encode(JWTForge.payload().utf8)
        for signature in ["", "AA"] {
            #expect(try JWTForge.refusal(of: "\(header).\(payload).\(signature)") != nil)
            #expect(try JWTForge.refusal(of: "\(header).\(payload).\(signature)", by: self.rsaIssuer) != nil)
        }
        let signed = JWTForge.token(header: #"{"alg":"\#(name)"}"#, payload: JWTForge.payload())
        #expect(try JWTForge.refusal(of: signed) == .invalid("header names no supported algorithm"))
    }

    @Test(arguments: [#"{}"#, #"{"alg":null}"#, #"{"alg":["HS256"]}"#, #"{"alg":1}"#, #"["HS256"]"#, #""HS256""#])
    func refusesHeadersWithoutAnAlgorithm(header: String) throws {
        #expect(try JWTForge.refusal(of: JWTForge.token(header: header, payload: JWTForge.payload())) != nil)
    }

    @Test func cve_2018_0114_embeddedKeyIsRefused() throws {
        #expect(
            try JWTForge.refusal(of: JWTFixtures.ownJWKToken, by: self.rsaIssuer)
                == .invalid("header brings its own key")
        )
    }

    @Test(arguments: [
        #""jku":"https://evil""#, #""x5u":"https://evil""#, #""x5c":["MII"]"#, #""jwk":{}"#, #""jwk":null"#,
    ])
    func apisixCVE_2026_39999_keyAddressesInTheHeaderAreRefused(member: String) throws {
        let token = JWTForge.token(header: #"{"alg":"HS256",\#(member)}"#, payload: JWTForge.payload())
        #expect(try JWTForge.refusal(of: token) == .invalid("header brings its own key"))
    }

    @Test(arguments: ["../../dev/null", "' OR 1=1 --", "/proc/sys/kernel/randomize_va_space", "https://evil", ""])
    func kidChoosesNothing(kid: String) throws {
        let header = #"{"alg":"HS256","kid":"\#(kid)"}"#
        #expect(try JWTForge.refusal(of: JWTForge.token(header: header, payload: JWTForge.payload())) == nil)
        for secret in ["", "\u{0}", "2\n"] {
            let forged = JWTForge.token(header: header, payload: JWTForge.payload(), secret: secret)
            #expect(try JWTForge.refusal(of: forged) == .invalid("signature is wrong"))
        }
    }

    @Test(arguments: [#"["exp"]"#, "[]", #"["b64"],"b64":false"#, "null"]) func criticalExtensionsAreRefused(
        value: String
    ) throws {
        let token = JWTForge.token(header: #"{"alg":"HS256","crit":\#(value)}"#, payload: JWTForge.payload())
        #expect(try JWTForge.refusal(of: token) == .invalid("header has 'crit'"))
    }

    @Test(arguments: [#""JWE""#, #""logout+jwt""#, "1", "null", #""""#]) func otherTypesAreRefused(type: String) throws
    {
        let token = JWTForge.token(header: #"{"alg":"HS256","typ":\#(type)}"#, payload: JWTForge.payload())
        #expect(try JWTForge.refusal(of: token) == .invalid("header has another 'typ'"))
    }

    @Test func pac4jCVE_2026_29000_encryptedIsNotSigned() throws {
        // Five parts, and as three parts with a JWE's header: either is no login.
        let header = Base64URL.encode(#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#.utf8)
        let payload = Base64URL.encode(JWTForge.payload().utf8)
        #expect(
            try JWTForge.refusal(of: "\(header).AA.AA.\(payload).AA") == .invalid("not a signed token of three parts")
        )
        #expect(try JWTForge.refusal(of: "\(header).\(payload).AA") == .invalid("header names no supported algorithm"))
        // A plain token wrapped in an encrypted one is a payload that is no JSON object.
        let nested = JWTForge.token(header: #"{"alg":"HS256","cty":"JWT"}"#, payload: "e30.e30.")
        #expect(try JWTForge.refusal(of: nested) == .invalid("payload is malformed"))
    }

    @Test func cve_2022_21449_psychicSignatureIsRefused() throws {
        for (algorithm, pem, token, bytes) in [
            (JWTAlgorithm.es256, JWTFixtures.p256, JWTFixtures.es256Token, 64),
            (.es384, JWTFixtures.p384, JWTFixtures.es384Token, 96),
            (.es512, JWTFixtures.p521, JWTFixtures.es512Token, 132),
        ] {
            let signed = token.split(separator: ".").prefix(2).joined(separator: ".")
            let issuer = JWTForge.issuer([algorithm], .publicKeyPEM(pem))
            for size in [bytes, bytes - 2, 2, 1] {
                let zeros = Base64URL.encode([UInt8](repeating: 0, count: size))
                #expect(try JWTForge.refusal(of: "\(signed).\(zeros)", by: issuer) == .invalid("signature is wrong"))
            }
        }
    }

    @Test func apisixPayloadOverride_extraClaimsChangeNothing() throws {
        let payload = JWTForge.payload([
            "key": #""other""#, "keyId": #""admin""#, "id": #""admin""#, "caller": #""admin""#, "admin": "true",
            "limits": #"{"requests":"9999/s"}"#, "sessions": #"["*"]"#, "scopes": #"["admin"]"#, "role": #""admin""#,
        ])
        let caller = try JWTForge.verify(JWTForge.token(payload: payload))
        #expect(caller == (try JWTForge.verify(JWTForge.token(payload: JWTForge.payload()))))
        #expect(caller.scopes == [.read] && caller.limits == nil && caller.sessions == nil)
    }

    @Test func apisixPayloadOverride_duplicateClaimsAreRefused() throws {
        let payload = String(JWTForge.payload().dropLast()) + #","exp":9999999999}"#
        #expect(try JWTForge.refusal(of: JWTForge.token(payload: payload)) == .invalid("payload is malformed"))
    }

    @Test func noReasonHoldsAnythingOfTheToken() throws {
        let marker = "sluice-marker"
        let issuer = #""https://\#(marker)""#
        for token in [
            JWTForge.token(payload: JWTForge.payload(["iss": issuer])),
            JWTForge.token(payload: JWTForge.payload(["aud": #""\#(marker)""#])),
            JWTForge.token(header: #"{"alg":"\#(marker)"}"#, payload: JWTForge.payload()),
        ] {
            let refusal = try #require(try JWTForge.refusal(of: token))
            #expect(!"\(refusal)".contains(marker))
        }
    }
}
