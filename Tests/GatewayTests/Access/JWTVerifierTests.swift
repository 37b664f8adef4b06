// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct JWTVerifierTests {
    static let signed: [(JWTAlgorithm, pem: String, token: String)] = [
        (.rs256, JWTFixtures.rsa, JWTFixtures.rs256Token), (.rs384, JWTFixtures.rsa, JWTFixtures.rs384Token),
        (.rs512, JWTFixtures.rsa, JWTFixtures.rs512Token), (.es256, JWTFixtures.p256, JWTFixtures.es256Token),
        (.es384, JWTFixtures.p384, JWTFixtures.es384Token), (.es512, JWTFixtures.p521, JWTFixtures.es512Token),
    ]

    @Test(arguments: Self.signed) func verifiesPublicKeySignatures(
        _ algorithm: JWTAlgorithm,
        pem: String,
        token: String
    ) throws {
        let verifier = try JWTVerifier([JWTForge.issuer([algorithm], .publicKeyPEM(pem))])
        let caller = try verifier.verify(token, now: JWTForge.now)
        #expect(caller.identity == .token(issuer: "https://id.example.com", subject: "alice"))
        #expect(caller.scopes == [.read] && caller.providers == nil)
        #expect(caller.expiresAt == Date(timeIntervalSince1970: 1_800_000_660))
    }

    @Test(arguments: Self.signed) func refusesChangedTokens(
        _ algorithm: JWTAlgorithm,
        pem: String,
        token: String
    ) throws {
        let issuer = JWTForge.issuer([algorithm], .publicKeyPEM(pem))
        let parts = token.split(separator: ".").map(String.init)
        let forged = Base64URL.encode(JWTForge.payload(["sub": #""mallory""#]).utf8)
        #expect(
            try JWTForge.refusal(of: "\(parts[0]).\(forged).\(parts[2])", by: issuer) == .invalid("signature is wrong")
        )
        // The first character of the signature: all of its bits count.
        let changed = (parts[2].hasPrefix("A") ? "B" : "A") + parts[2].dropFirst()
        #expect(
            try JWTForge.refusal(of: "\(parts[0]).\(parts[1]).\(changed)", by: issuer) == .invalid("signature is wrong")
        )
    }

    @Test func refusesAnotherKeysSignature() throws {
        let issuer = JWTForge.issuer([.rs256], .publicKeyPEM(JWTFixtures.rsa))
        #expect(try JWTForge.refusal(of: JWTFixtures.otherKeyToken, by: issuer) == .invalid("signature is wrong"))
    }

    @Test(arguments: [JWTAlgorithm.hs256, .hs384, .hs512]) func verifiesSharedSecrets(algorithm: JWTAlgorithm) throws {
        let signed =
            Base64URL.encode(#"{"alg":"\#(algorithm.rawValue)"}"#.utf8) + "."
            + Base64URL.encode(JWTForge.payload().utf8)
        let key = SymmetricKey(data: Data(JWTForge.secret.utf8))
        let data = Data(signed.utf8)
        let code =
            switch algorithm {
            case .hs384: Data(HMAC<SHA384>.authenticationCode(for: data, using: key))
            case .hs512: Data(HMAC<SHA512>.authenticationCode(for: data, using: key))
            default: Data(HMAC<SHA256>.authenticationCode(for: data, using: key))
            }
        let issuer = JWTForge.issuer([algorithm])
        #expect(try JWTForge.refusal(of: signed + "." + Base64URL.encode(code), by: issuer) == nil)
        #expect(try JWTForge.refusal(of: signed + "." + Base64URL.encode(code.dropLast()), by: issuer) != nil)
        #expect(try JWTForge.refusal(of: signed + "." + Base64URL.encode(code + [0]), by: issuer) != nil)
    }

    @Test func refusesAnotherSecret() throws {
        let token = JWTForge.token(payload: JWTForge.payload(), secret: JWTForge.secret + "x")
        #expect(try JWTForge.refusal(of: token) == .invalid("signature is wrong"))
    }

    @Test func refusesUnknownIssuersBeforeAnySignature() throws {
        let token = JWTForge.token(payload: JWTForge.payload(["iss": #""https://id.example.com/""#]))
        #expect(try JWTForge.refusal(of: token) == .invalid("unknown issuer"))
        #expect(
            try JWTForge.refusal(of: JWTForge.token(payload: JWTForge.payload(["iss": nil])))
                == .invalid("unknown issuer")
        )
    }

    @Test func anIssuerCannotVouchForAnother() throws {
        let other = JWTIssuer(
            issuer: "https://other",
            audiences: ["sluice"],
            algorithms: [.hs256],
            key: .secret(Secret(String(repeating: "k", count: 64)))
        )
        let verifier = try JWTVerifier([JWTForge.issuer(), other])
        let token = JWTForge.token(payload: JWTForge.payload(), secret: String(repeating: "k", count: 64))
        #expect(throws: JWTRefusal.invalid("signature is wrong")) { try verifier.verify(token, now: JWTForge.now) }
        let own = JWTForge.token(
            payload: JWTForge.payload(["iss": #""https://other""#]),
            secret: String(repeating: "k", count: 64)
        )
        #expect(
            try verifier.verify(own, now: JWTForge.now).id
                != JWTForge.verify(JWTForge.token(payload: JWTForge.payload())).id
        )
    }

    @Test func survivesEveryTruncation() throws {
        let token = JWTFixtures.es256Token
        let issuer = JWTForge.issuer([.es256], .publicKeyPEM(JWTFixtures.p256))
        for count in 0..<token.count {
            #expect(try JWTForge.refusal(of: String(token.prefix(count)), by: issuer) != nil, "\(count)")
        }
    }

    @Test(arguments: ["", ".", "..", "...", "a.b.c", "a.b", "é.é.é", "e30.e30.e30", "e30.e30.", "\u{0}.\u{0}.\u{0}"])
    func refusesWhatIsNoToken(text: String) throws {
        #expect(try JWTForge.refusal(of: text) != nil)
    }

    @Test func refusesOverlongTokens() throws {
        let padding = "\"" + String(repeating: "x", count: 16_384) + "\""
        let token = JWTForge.token(payload: JWTForge.payload(["padding": padding]))
        #expect(try JWTForge.refusal(of: token) == .invalid("longer than 16 KiB"))
    }

    @Test func refusesPaddingAndOtherAlphabets() throws {
        let token = JWTForge.token(payload: JWTForge.payload())
        #expect(try JWTForge.refusal(of: token) == nil)
        for changed in [token + "=", token + "\n", " " + token, token.replacing(".", with: ".="), token + "\u{0}"] {
            #expect(try JWTForge.refusal(of: changed) != nil)
        }
    }

    @Test func tellsTokensFromKeys() {
        #expect(JWTVerifier.isToken("a.b.c"))
        #expect(!JWTVerifier.isToken("slc_abc") && !JWTVerifier.isToken("a.b") && !JWTVerifier.isToken("a.b.c.d.e"))
    }

    @Test func acceptsAccessTokenType() throws {
        // RFC 9068, for HS; libjwt 1.10 itself refuses any other `typ` than JWT.
        let token = JWTForge.token(header: #"{"alg":"HS256","typ":"at+jwt"}"#, payload: JWTForge.payload())
        #expect(try JWTForge.refusal(of: token) == nil)
        let issuer = JWTForge.issuer([.rs256], .publicKeyPEM(JWTFixtures.rsa))
        #expect(try JWTForge.refusal(of: JWTFixtures.accessTokenToken, by: issuer) == .invalid("signature is wrong"))
    }
}
