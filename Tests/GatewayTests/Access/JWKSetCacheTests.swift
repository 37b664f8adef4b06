// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct JWKSetCacheTests {
    private let unknown = JWTRefusal.invalid("key is not known")

    /// A token of a key that nobody published; its signature is nonsense, which nobody gets to look at.
    private func stranger(_ id: String) -> String {
        JWTForge.token(header: #"{"alg":"ES256","kid":"\#(id)"}"#, payload: JWTForge.payload())
    }

    private func refusal(_ token: String, _ verifier: JWTVerifier) async -> JWTRefusal? {
        await JWTForge.refusal(of: token, by: verifier)
    }

    // MARK: Loading

    @Test func keysAreLoadedOnFirstNeedAndThenKnown() async throws {
        let (issuer, key) = (FakeIssuer(), SigningKey("a"))
        issuer.publish(FakeIssuer.set(key.jwk()))
        let verifier = try issuer.verifier()
        #expect(issuer.asked.isEmpty)
        for _ in 0..<3 { #expect(await self.refusal(try key.token(), verifier) == nil) }
        #expect(issuer.asked == [FakeIssuer.url])
    }

    @Test func keysAreLoadedAtTheStartAndWhenTheyAreOld() async throws {
        let (issuer, old, new) = (FakeIssuer(), SigningKey("old"), SigningKey("new"))
        issuer.publish(FakeIssuer.set(old.jwk()))
        let verifier = try issuer.verifier()
        verifier.refreshKeys()
        #expect(await self.refusal(try old.token(), verifier) == nil)
        issuer.publish(FakeIssuer.set(new.jwk()))
        issuer.time.advance(599)
        verifier.refreshKeys()
        #expect(await self.refusal(try old.token(), verifier) == nil)
        #expect(issuer.asked.count == 1)
        issuer.time.advance(1)
        verifier.refreshKeys()
        try await eventually("the removed key is forgotten") {
            await self.refusal(try old.token(), verifier) == self.unknown
        }
        #expect(await self.refusal(try new.token(), verifier) == nil)
    }

    @Test func aNewKeyIsAcceptedAfterOneRefreshAndARemovedOneNoMore() async throws {
        let (issuer, old, new) = (FakeIssuer(), SigningKey("old"), SigningKey("new"))
        issuer.publish(FakeIssuer.set(old.jwk()))
        let verifier = try issuer.verifier()
        verifier.refreshKeys()
        #expect(await self.refusal(try old.token(), verifier) == nil)
        issuer.publish(FakeIssuer.set(new.jwk()))
        #expect(await self.refusal(try old.token(), verifier) == nil)
        #expect(await self.refusal(try new.token(), verifier) == nil)
        #expect(await self.refusal(try old.token(), verifier) == self.unknown)
        #expect(issuer.asked.count == 2)
    }

    // MARK: Unknown keys

    @Test func aThousandUnknownKeysAtOnceAskTheIssuerOnce() async throws {
        let (issuer, key) = (FakeIssuer(), SigningKey("a"))
        issuer.publish(FakeIssuer.set(key.jwk()))
        let verifier = try issuer.verifier()
        verifier.refreshKeys()
        #expect(await self.refusal(try key.token(), verifier) == nil)
        let door = issuer.door
        door.close()
        let refusals = try await withThrowingTaskGroup(of: JWTRefusal?.self) { group in
            for number in 0..<1000 { group.addTask { await self.refusal(self.stranger("\(number)"), verifier) } }
            try await eventually("the issuer is asked") { door.waiting == 1 }
            // Whose key is known does not wait for it.
            #expect(await self.refusal(try key.token(), verifier) == nil)
            door.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(refusals.allSatisfy { $0 == self.unknown } && refusals.count == 1000)
        #expect(issuer.asked.count == 2)
        // Nor do more of them, for a minute.
        issuer.time.advance(59)
        for number in 0..<100 {
            #expect(await self.refusal(self.stranger("later-\(number)"), verifier) == self.unknown)
        }
        #expect(issuer.asked.count == 2)
        issuer.time.advance(1)
        for number in 0..<100 { #expect(await self.refusal(self.stranger("last-\(number)"), verifier) == self.unknown) }
        #expect(issuer.asked.count == 3)
    }

    // MARK: Issuers that fail

    @Test func anIssuerThatIsDownLocksNobodyOut() async throws {
        let (issuer, key) = (FakeIssuer(), SigningKey("a"))
        issuer.publish(FakeIssuer.set(key.jwk()))
        let verifier = try issuer.verifier()
        #expect(await self.refusal(try key.token(), verifier) == nil)
        issuer.publish(nil)
        let late = JWTForge.payload(["exp": "1800090000"])
        for hours in 1...24 {
            issuer.time.advance(3600)
            verifier.refreshKeys()
            try await eventually("the issuer was asked") { issuer.asked.count >= hours + 1 }
            #expect(await self.refusal(try key.token(payload: late), verifier) == nil)
            #expect(await self.refusal(self.stranger("b"), verifier) == self.unknown)
        }
    }

    @Test(arguments: [
        "", "<html>Sign in</html>", "null", "{}", #"{"keys":[]}"#, #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
        #"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}"#, #"{"keys":[{"kty":"EC","crv":"P-256""#,
        #"{"error":"too many requests"}"#, String(repeating: "[", count: 100_000),
    ])
    func nonsenseReplacesNoGoodKeys(_ nonsense: String) async throws {
        let (issuer, key) = (FakeIssuer(), SigningKey("a"))
        issuer.publish(FakeIssuer.set(key.jwk()))
        let verifier = try issuer.verifier()
        #expect(await self.refusal(try key.token(), verifier) == nil)
        issuer.publish(nonsense)
        issuer.time.advance(600)
        #expect(await self.refusal(self.stranger("b"), verifier) == self.unknown)
        #expect(issuer.asked.count == 2 && issuer.warnings.count == 1)
        #expect(await self.refusal(try key.token(), verifier) == nil)
    }

    @Test func withoutTheFirstKeysOnlyThatIssuersTokensAreRefused() async throws {
        let (issuer, key) = (FakeIssuer(), SigningKey("a"))
        let other = JWTIssuer(
            issuer: "https://other.example.com",
            audiences: ["sluice"],
            algorithms: [.hs256],
            key: .secret(Secret(JWTForge.secret))
        )
        let verifier = try issuer.verifier(and: [other])
        let others = JWTForge.token(payload: JWTForge.payload(["iss": #""https://other.example.com""#]))
        for _ in 0..<10 {
            #expect(await self.refusal(try key.token(), verifier) == self.unknown)
            #expect(await self.refusal(others, verifier) == nil)
        }
        #expect(issuer.asked.count == 1)
        #expect(issuer.warnings.count == 1 && issuer.warnings[0].contains("down"))
        #expect(issuer.warnings[0].contains("https://id.example.com"))
        issuer.time.advance(4)
        #expect(await self.refusal(try key.token(), verifier) == self.unknown)
        #expect(issuer.asked.count == 1)
        issuer.time.advance(1)
        issuer.publish(FakeIssuer.set(key.jwk()))
        #expect(await self.refusal(try key.token(), verifier) == nil)
        #expect(issuer.asked.count == 2)
    }

    @Test func theOperatorIsWarnedOnceAMinute() async throws {
        let issuer = FakeIssuer()
        let verifier = try issuer.verifier()
        for _ in 0..<24 {
            #expect(await self.refusal(self.stranger("a"), verifier) == self.unknown)
            issuer.time.advance(5)
        }
        #expect(issuer.asked.count == 24)
        #expect(issuer.warnings.count == 2)
    }

    @Test func aSilentIssuerIsGivenUp() async throws {
        let (issuer, key) = (FakeIssuer(), SigningKey("a"))
        issuer.publish(FakeIssuer.set(key.jwk()))
        issuer.door.close()
        let verifier = try issuer.verifier()
        let waiting = Task { await self.refusal(try key.token(), verifier) }
        try await eventually("the issuer is asked") { issuer.door.waiting == 1 && issuer.timer.waiting == 1 }
        issuer.timer.open()
        #expect(try await waiting.value == self.unknown)
        #expect(issuer.door.waiting == 0, "the question is taken back")
        #expect(issuer.warnings.count == 1 && issuer.warnings[0].contains("5 s"))
    }

    // MARK: Files

    @Test func aFileIsReadAgainAndKeptWhereItIsGone() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/keys.json"
        let (old, new) = (SigningKey("old"), SigningKey("new"))
        func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }
        try write(FakeIssuer.set(old.jwk()))
        let issuer = FakeIssuer(at: .file(path))
        let verifier = try issuer.verifier()
        #expect(await self.refusal(try old.token(), verifier) == nil)
        try write(FakeIssuer.set(new.jwk()))
        #expect(await self.refusal(try new.token(), verifier) == self.unknown, "looked at once a second")
        issuer.time.advance(1)
        #expect(await self.refusal(try old.token(), verifier) == self.unknown)
        #expect(await self.refusal(try new.token(), verifier) == nil)
        for damage in ["", "{", FakeIssuer.set()] {
            try write(damage)
            issuer.time.advance(1)
            #expect(await self.refusal(try new.token(), verifier) == nil)
        }
        try FileManager.default.removeItem(atPath: path)
        issuer.time.advance(1)
        #expect(await self.refusal(try new.token(), verifier) == nil)
        #expect(issuer.asked.isEmpty && issuer.warnings.count == 1)
    }

    // MARK: For the operator

    @Test func theOperatorCanSeeWhetherKeysCanBeHad() async throws {
        let (issuer, key) = (FakeIssuer(), SigningKey("a"))
        let verifier = try issuer.verifier(and: [
            JWTIssuer(issuer: "a", audiences: ["x"], algorithms: [.rs256], key: .publicKeyPEM(JWTFixtures.rsa))
        ])
        var tests = await verifier.testKeys()
        #expect(tests.map(\.issuer) == ["a", "https://id.example.com"])
        #expect(tests.map(\.state) == ["ok", "failed"] && tests.map(\.keys) == [1, 0])
        #expect(tests.map(\.message) == [nil, "down"])
        issuer.publish(FakeIssuer.set(key.jwk(), SigningKey("b").jwk(), key.jwk(["kty": #""oct""#])))
        tests = await verifier.testKeys()
        #expect(tests.map(\.state) == ["ok", "ok"] && tests.map(\.keys) == [1, 2])
        #expect(issuer.warnings.isEmpty)
    }
}
