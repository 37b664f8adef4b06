// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

@Suite struct JWTIssuerTests {
    private func fields(_ issuer: JWTIssuer) -> [String] { issuer.problems(at: "auth.jwt[0]").map(\.field) }

    @Test func rightSettingsHaveNoProblems() {
        for (algorithm, pem, _) in JWTVerifierTests.signed {
            #expect(JWTForge.issuer([algorithm], .publicKeyPEM(pem)).problems(at: "x") == [])
        }
        #expect(
            JWTForge.issuer([.rs256, .rs512], .publicKeyPEM("\n" + JWTFixtures.rsa + "\n\n")).problems(at: "x") == []
        )
    }

    @Test func tellsAllProblemsAtOnce() {
        let issuer = JWTIssuer(
            issuer: "",
            audiences: [],
            algorithms: [],
            leeway: .seconds(-1),
            key: .publicKeyPEM("no key")
        )
        let expected = ["issuer", "audience", "algorithms", "leeway", "publicKey"].map { "auth.jwt[0].\($0)" }
        #expect(self.fields(issuer) == expected)
    }

    @Test func keysMustFitTheAlgorithms() {
        for (algorithm, pem) in [
            (JWTAlgorithm.rs256, JWTFixtures.p256), (.es256, JWTFixtures.rsa), (.es256, JWTFixtures.p384),
            (.es384, JWTFixtures.p521), (.es512, JWTFixtures.p256), (.hs256, JWTFixtures.rsa),
        ] {
            #expect(self.fields(JWTForge.issuer([algorithm], .publicKeyPEM(pem))) == ["auth.jwt[0].publicKey"])
        }
        #expect(
            self.fields(JWTForge.issuer([.rs256, .hs256], .publicKeyPEM(JWTFixtures.rsa))) == ["auth.jwt[0].publicKey"]
        )
        #expect(self.fields(JWTForge.issuer([.rs256], .secret(Secret(JWTForge.secret)))) == ["auth.jwt[0].secret"])
        #expect(
            self.fields(JWTForge.issuer([.hs256, .rs256], .secret(Secret(JWTForge.secret)))) == ["auth.jwt[0].secret"]
        )
    }

    @Test func refusesShortRSAKeys() {
        #expect(PublicKeyPEM(JWTFixtures.shortRSA)?.kind == .rsa(bits: 1024))
        #expect(PublicKeyPEM(JWTFixtures.rsa)?.kind == .rsa(bits: 2048))
        #expect(
            self.fields(JWTForge.issuer([.rs256], .publicKeyPEM(JWTFixtures.shortRSA))) == ["auth.jwt[0].publicKey"]
        )
    }

    @Test func refusesShortSecrets() {
        for (algorithm, bytes) in [(JWTAlgorithm.hs256, 32), (.hs384, 48), (.hs512, 64)] {
            let short = JWTForge.issuer([algorithm], .secret(Secret(String(repeating: "k", count: bytes - 1))))
            #expect(self.fields(short) == ["auth.jwt[0].secret"])
            #expect(
                self.fields(JWTForge.issuer([algorithm], .secret(Secret(String(repeating: "k", count: bytes))))) == []
            )
        }
    }

    @Test func takesNoOtherPEM() {
        let rsa = JWTFixtures.rsa
        for bad in [
            rsa.replacing("PUBLIC KEY", with: "PRIVATE KEY"), rsa.replacing("PUBLIC KEY", with: "CERTIFICATE"),
            rsa.replacing("PUBLIC KEY", with: "RSA PUBLIC KEY"), rsa + rsa, rsa + "\u{0}",
            rsa.replacing("A", with: "é"),
            String(rsa.dropLast(40)), "", String(repeating: " ", count: 20_000) + rsa,
        ] { #expect(PublicKeyPEM(bad) == nil) }
    }

    @Test func survivesEveryDamageToTheKey() {
        // Any answer will do, as long as it is one.
        for (offset, character) in JWTFixtures.rsa.enumerated() where character != "-" && character != "\n" {
            var changed = Array(JWTFixtures.rsa)
            changed[offset] = character == "A" ? "/" : "A"
            if case .rsa(let bits)? = PublicKeyPEM(String(changed))?.kind { #expect(bits <= 2055 && bits > 0) }
        }
    }

    @Test func refusesAnIssuerThatIsThereTwice() {
        #expect(throws: FieldProblem(field: "auth.jwt[1].issuer", message: "is there twice")) {
            try JWTForge.verifier([JWTForge.issuer(), JWTForge.issuer()])
        }
        #expect(throws: FieldProblem.self) { try JWTForge.verifier([JWTForge.issuer([.rs256])]) }
    }
}
