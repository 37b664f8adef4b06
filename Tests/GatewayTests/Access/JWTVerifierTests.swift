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
    ) async throws {
        let verifier = try JWTForge.verifier([JWTForge.issuer([algorithm], .publicKeyPEM(pem))])
        let caller = try await verifier.verify(token, now: JWTForge.now)
        #expect(caller.identity == .token(issuer: "https://id.example.com", subject: "alice"))
        #expect(caller.scopes == [.read] && caller.providers == nil)
        #expect(caller.expiresAt == Date(timeIntervalSince1970: 1_800_000_660))
    }

    @Test(arguments: Self.signed) func refusesChangedTokens(
        _ algorithm: JWTAlgorithm,
        pem: String,
        token: String
    ) async throws {
        let issuer = JWTForge.issuer([algorithm], .publicKeyPEM(pem))
        let parts = token.split(separator: ".").map(String.init)
        let forged = Base64URL.encode(JWTForge.payload(["sub": #""mallory""#]).utf8)
        #expect(
            try await JWTForge.refusal(of: "\(parts[0]).\(forged).\(parts[2])", by: issuer)
                == .invalid("signature is wrong")
        )
        // The first character of the signature: all of its bits count.
        let changed = (parts[2].hasPrefix("A") ? "B" : "A") + parts[2].dropFirst()
        #expect(
            try await JWTForge.refusal(of: "\(parts[0]).\(parts[1]).\(changed)", by: issuer)
                == .invalid("signature is wrong")
        )
    }

    @Test func refusesAnotherKeysSignature() async throws {
        let issuer = JWTForge.issuer([.rs256], .publicKeyPEM(JWTFixtures.rsa))
        #expect(try await JWTForge.refusal(of: JWTFixtures.otherKeyToken, by: issuer) == .invalid("signature is wrong"))
    }

    @Test(arguments: [JWTAlgorithm.hs256, .hs384, .hs512]) func verifiesSharedSecrets(
        algorithm: JWTAlgorithm
    ) async throws {
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
        #expect(try await JWTForge.refusal(of: signed + "." + Base64URL.encode(code), by: issuer) == nil)
        #expect(try await JWTForge.refusal(of: signed + "." + Base64URL.encode(code.dropLast()), by: issuer) != nil)
        #expect(try await JWTForge.refusal(of: signed + "." + Base64URL.encode(code + [0]), by: issuer) != nil)
    }

    @Test func refusesAnotherSecret() async throws {
        let token = JWTForge.token(payload: JWTForge.payload(), secret: JWTForge.secret + "x")
        #expect(try await JWTForge.refusal(of: token) == .invalid("signature is wrong"))
    }

    @Test func refusesUnknownIssuersBeforeAnySignature() async throws {
        let token = JWTForge.token(payload: JWTForge.payload(["iss": #""https://id.example.com/""#]))
        #expect(try await JWTForge.refusal(of: token) == .invalid("unknown issuer"))
        #expect(
            try await JWTForge.refusal(of: JWTForge.token(payload: JWTForge.payload(["iss": nil])))
                == .invalid("unknown issuer")
        )
    }

    @Test func anIssuerCannotVouchForAnother() async throws {
        let other = JWTIssuer(
            issuer: "https://other",
            audiences: ["sluice"],
            algorithms: [.hs256],
            key: .secret(Secret(String(repeating: "k", count: 64)))
        )
        let verifier = try JWTForge.verifier([JWTForge.issuer(), other])
        let token = JWTForge.token(payload: JWTForge.payload(), secret: String(repeating: "k", count: 64))
        await #expect(throws: JWTRefusal.invalid("signature is wrong")) {
            try await verifier.verify(token, now: JWTForge.now)
        }
        let own = JWTForge.token(
            payload: JWTForge.payload(["iss": #""https://other""#]),
            secret: String(repeating: "k", count: 64)
        )
        #expect(
            try await verifier.verify(own, now: JWTForge.now).id
                != JWTForge.verify(JWTForge.token(payload: JWTForge.payload())).id
        )
    }

    @Test func survivesEveryTruncation() async throws {
        let token = JWTFixtures.es256Token
        let issuer = JWTForge.issuer([.es256], .publicKeyPEM(JWTFixtures.p256))
        for count in 0..<token.count {
            #expect(try await JWTForge.refusal(of: String(token.prefix(count)), by: issuer) != nil, "\(count)")
        }
    }

    @Test(arguments: ["", ".", "..", "...", "a.b.c", "a.b", "é.é.é", "e30.e30.e30", "e30.e30.", "\u{0}.\u{0}.\u{0}"])
    func refusesWhatIsNoToken(text: String) async throws {
        #expect(try await JWTForge.refusal(of: text) != nil)
    }

    @Test func refusesOverlongTokens() async throws {
        let padding = "\"" + String(repeating: "x", count: 16_384) + "\""
        let token = JWTForge.token(payload: JWTForge.payload(["padding": padding]))
        #expect(try await JWTForge.refusal(of: token) == .invalid("longer than 16 KiB"))
    }

    @Test func refusesPaddingAndOtherAlphabets() async throws {
        let token = JWTForge.token(payload: JWTForge.payload())
        #expect(try await JWTForge.refusal(of: token) == nil)
        for changed in [token + "=", token + "\n", " " + token, token.replacing(".", with: ".="), token + "\u{0}"] {
            #expect(try await JWTForge.refusal(of: changed) != nil)
        }
    }

    @Test func tellsTokensFromKeys() {
        #expect(JWTVerifier.isToken("a.b.c"))
        #expect(!JWTVerifier.isToken("slc_abc") && !JWTVerifier.isToken("a.b") && !JWTVerifier.isToken("a.b.c.d.e"))
    }

    @Test func acceptsAccessTokenType() async throws {
        // RFC 9068: libjwt 1.10 itself refuses any other `typ` than JWT.
        for type in ["at+jwt", "AT+JWT", "application/at+jwt"] {
            let header = #"{"alg":"HS256","typ":"\#(type)"}"#
            #expect(try await JWTForge.refusal(of: JWTForge.token(header: header, payload: JWTForge.payload())) == nil)
        }
        let issuer = JWTForge.issuer([.rs256], .publicKeyPEM(JWTFixtures.rsa))
        let token = JWTFixtures.accessTokenToken
        #expect(try await JWTForge.refusal(of: token, by: issuer) == nil)
        let parts = token.split(separator: ".").map(String.init)
        let changed = (parts[2].hasPrefix("A") ? "B" : "A") + parts[2].dropFirst()
        #expect(
            try await JWTForge.refusal(of: "\(parts[0]).\(parts[1]).\(changed)", by: issuer)
                == .invalid("signature is wrong")
        )
    }

    @Test func acceptsAccessTokensOfEveryCurve() async throws {
        let text = Base64URL.encode(JWTForge.payload().utf8)
        func signed(_ algorithm: JWTAlgorithm) -> String {
            Base64URL.encode(#"{"alg":"\#(algorithm.rawValue)","typ":"at+jwt"}"#.utf8) + "." + text
        }
        let (p256, p384, p521) = (P256.Signing.PrivateKey(), P384.Signing.PrivateKey(), P521.Signing.PrivateKey())
        for (algorithm, pem, signature) in [
            (
                JWTAlgorithm.es256, p256.publicKey.pemRepresentation,
                try p256.signature(for: Data(signed(.es256).utf8)).rawRepresentation
            ),
            (
                .es384, p384.publicKey.pemRepresentation,
                try p384.signature(for: Data(signed(.es384).utf8)).rawRepresentation
            ),
            (
                .es512, p521.publicKey.pemRepresentation,
                try p521.signature(for: Data(signed(.es512).utf8)).rawRepresentation
            ),
        ] {
            let issuer = JWTForge.issuer([algorithm], .publicKeyPEM(pem))
            let token = signed(algorithm) + "."
            #expect(try await JWTForge.refusal(of: token + Base64URL.encode(signature), by: issuer) == nil)
            // A psychic signature (CVE-2022-21449) is no better here.
            for bad in [signature.dropLast(), signature + [0], Data(count: signature.count), Data([0])] {
                #expect(
                    try await JWTForge.refusal(of: token + Base64URL.encode(bad), by: issuer)
                        == .invalid("signature is wrong")
                )
            }
        }
    }
}
