// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct JWKSetTests {
    private static let all: [JWTAlgorithm] = [.rs256, .rs384, .rs512, .es256, .es384, .es512]
    private static let good = SigningKey("good")

    private func set(_ keys: String..., for algorithms: [JWTAlgorithm] = Self.all) throws -> JWKSet {
        let document = #"{"keys":[\#(keys.joined(separator: ","))]}"#
        return try JWKSet(Array(document.utf8), for: algorithms)
    }

    // MARK: Keys

    @Test func anRSAKeyIsTheOneOfItsPEM() throws {
        let set = try self.set(try FakeIssuer.jwk(rsa: JWTFixtures.rsa, id: "r"))
        for algorithm in [JWTAlgorithm.rs256, .rs384, .rs512] {
            let key = try #require(set.key("r", for: algorithm))
            #expect(key.text.filter { !$0.isWhitespace } == JWTFixtures.rsa.filter { !$0.isWhitespace })
        }
        #expect(set.key("r", for: .es256) == nil)
    }

    @Test func aPointIsTheKeyOfItsPEM() throws {
        func jwk(_ curve: String, _ point: Data) -> String {
            let half = point.count / 2
            let (x, y) = (Base64URL.encode(point.prefix(half)), Base64URL.encode(point.suffix(half)))
            return #"{"kty":"EC","crv":"\#(curve)","x":"\#(x)","y":"\#(y)","kid":"\#(curve)"}"#
        }
        let p256 = try P256.Signing.PublicKey(pemRepresentation: JWTFixtures.p256)
        let p384 = try P384.Signing.PublicKey(pemRepresentation: JWTFixtures.p384)
        let p521 = try P521.Signing.PublicKey(pemRepresentation: JWTFixtures.p521)
        let set = try self.set(
            jwk("P-256", p256.rawRepresentation),
            jwk("P-384", p384.rawRepresentation),
            jwk("P-521", p521.rawRepresentation)
        )
        #expect(set.count == 3)
        #expect(set.key("P-256", for: .es256)?.text == p256.pemRepresentation)
        #expect(set.key("P-384", for: .es384)?.text == p384.pemRepresentation)
        #expect(set.key("P-521", for: .es512)?.text == p521.pemRepresentation)
        #expect(set.key("P-256", for: .es384) == nil)
        // One curve's point under another one's name.
        for (curve, point) in [("P-384", p256.rawRepresentation), ("P-256", p384.rawRepresentation)] {
            #expect(throws: JWKSetError.self) { try self.set(jwk(curve, point)) }
        }
    }

    @Test(
        arguments: [
            ["kty": #""oct""#, "k": #""c2VjcmV0""#], ["kty": #""OKP""#], ["kty": nil], ["kty": "1"], ["d": #""AAAA""#],
            ["p": "null"], ["use": #""enc""#], ["use": "null"], ["use": #"["sig"]"#], ["key_ops": #"["sign"]"#],
            ["key_ops": #""verify""#], ["key_ops": "[]"], ["alg": #""ES384""#], ["alg": #""RS256""#],
            ["alg": #""none""#],
            ["alg": #""HS256""#], ["alg": "null"], ["kid": "1"], ["kid": "null"], ["crv": #""P-384""#],
            ["crv": #""p-256""#], ["crv": #""secp256k1""#], ["crv": nil], ["x": nil], ["y": #""""#], ["x": "1"],
            ["y": #""AAAA""#], ["x": #""\#(String(repeating: "A", count: 43))""#],
            ["x": #""\#(String(repeating: "A", count: 44))""#], ["y": #""\#(String(repeating: "=", count: 43))""#],
        ] as [[String: String?]]
    )
    func aKeyThatIsNotForVerifyingIsNotUsed(_ changes: [String: String?]) throws {
        let key = SigningKey("other")
        #expect(throws: JWKSetError.self) { try self.set(key.jwk(changes)) }
        let set = try self.set(key.jwk(changes), Self.good.jwk())
        #expect(set.count == 1 && set.key("other", for: .es256) == nil && set.key("good", for: .es256) != nil)
    }

    @Test(
        arguments: [
            ["use": #""sig""#], ["alg": #""ES256""#], ["key_ops": #"["sign","verify"]"#], ["x5t": #""abc""#],
        ] as [[String: String?]]
    )
    func aKeyForVerifyingIsUsed(_ changes: [String: String?]) throws {
        #expect(try self.set(SigningKey("a").jwk(changes)).key("a", for: .es256) != nil)
    }

    @Test func aShortOrHarmfulRSAKeyIsNotUsed() throws {
        let good = try FakeIssuer.jwk(rsa: JWTFixtures.rsa, id: "r")
        #expect(try self.set(good).count == 1)
        var bad = [try FakeIssuer.jwk(rsa: JWTFixtures.shortRSA, id: "r")]
        // Exponents 1, 2, 0, an empty one, one of 72 bits; a modulus that is empty, or padded.
        for exponent in ["AQ", "Ag", "AA", "", "AQAAAAAAAAAB", "AQAB="] {
            bad.append(good.replacing(#""e":"AQAB""#, with: #""e":"\#(exponent)""#))
        }
        let modulus = try #require(good.firstMatch(of: /"n":"([^"]+)"/)?.1)
        for other in ["", "AQAB", "\(modulus)=", String(modulus.dropLast(100))] {
            bad.append(good.replacing(modulus, with: other))
        }
        for jwk in bad { #expect(throws: JWKSetError.self, "\(jwk)") { try self.set(jwk) } }
    }

    @Test func anAlgorithmThatTheIssuerMayNotUseMakesNoKey() throws {
        let rsa = try FakeIssuer.jwk(rsa: JWTFixtures.rsa, id: "r")
        #expect(throws: JWKSetError.self) { try self.set(rsa, for: [.es256]) }
        #expect(try self.set(rsa, for: [.es256, .rs512]).key("r", for: .rs256) == nil)
        let pinned = rsa.replacing("{", with: #"{"alg":"RS384","#)
        #expect(try self.set(pinned).key("r", for: .rs256) == nil)
        #expect(try self.set(pinned).key("r", for: .rs384) != nil)
    }

    // MARK: Names

    @Test func theNameIsAnExactKey() throws {
        let names = ["a", "A", "a ", "", "../a", "\u{e9}"]
        let keys = names.map { SigningKey($0) }
        let document = #"{"keys":[\#(keys.map { $0.jwk() }.joined(separator: ","))]}"#
        let set = try JWKSet(Array(document.utf8), for: [.es256])
        #expect(Set(names.compactMap { set.key($0, for: .es256)?.text }).count == names.count)
        // The last is what Swift holds for equal to é.
        for name in ["b", "a\u{0}", " a", "a/../a", "e\u{301}"] { #expect(set.key(name, for: .es256) == nil) }
    }

    @Test func differentKeysOfOneNameAreNotUsed() throws {
        let set = try self.set(SigningKey("a").jwk(), SigningKey("a").jwk(), Self.good.jwk())
        #expect(set.count == 1 && set.key("a", for: .es256) == nil)
        #expect(throws: JWKSetError.self) { try self.set(SigningKey("a").jwk(), SigningKey("a").jwk()) }
        // The same key twice is no question.
        #expect(try self.set(Self.good.jwk(), Self.good.jwk(["use": #""sig""#])).key("good", for: .es256) != nil)
    }

    @Test func withoutANameThereMustBeOneKeyOfTheAlgorithm() throws {
        let rsa = try FakeIssuer.jwk(rsa: JWTFixtures.rsa, id: nil)
        let one = try self.set(rsa, Self.good.jwk())
        #expect(one.key(nil, for: .es256) != nil && one.key(nil, for: .rs256) != nil)
        #expect(one.key("", for: .rs256) == nil)
        let two = try self.set(SigningKey(nil).jwk(), Self.good.jwk())
        #expect(two.key(nil, for: .es256) == nil && two.key("good", for: .es256) != nil)
    }

    // MARK: Documents

    @Test(arguments: [
        "", "null", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[1,null,[],"x"]}"#, "<html></html>",
        #"{"keys":[],"keys":[]}"#, #"{"keys":["#,
    ])
    func aDocumentWithoutAKeyIsRefused(_ document: String) {
        #expect(throws: JWKSetError.self) { try JWKSet(Array(document.utf8), for: Self.all) }
    }

    @Test func aDocumentIsBounded() throws {
        let hundred = [String](repeating: Self.good.jwk(), count: 100).joined(separator: ",")
        func read(_ keys: String, padding: Int = 0) throws -> JWKSet {
            try JWKSet(Array((#"{"keys":[\#(keys)]}"# + String(repeating: " ", count: padding)).utf8), for: [.es256])
        }
        #expect(try read(hundred).key("good", for: .es256) != nil)
        #expect(throws: JWKSetError.self) { try read(hundred + ",{}") }
        #expect(try read(Self.good.jwk(), padding: 1_000_000).count == 1)
        #expect(throws: JWKSetError.self) { try read(Self.good.jwk(), padding: 1 << 20) }
    }
}
