// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

@Suite struct StrictJSONTests {
    private func parse(_ text: String) -> JSONValue? { StrictJSON.parse(Array(text.utf8)) }

    @Test func readsEveryKindOfValue() {
        let text = #" { "a" : [ 1 , -2.5e1 , true , false , null , "x" ] , "b" : { } , "c" : [ ] } "#
        let expected: JSONValue = .object([
            "a": .array([.integer(1), .number(-25), .bool(true), .bool(false), .null, .string("x")]),
            "b": .object([:]), "c": .array([]),
        ])
        #expect(self.parse(text) == expected)
    }

    @Test func readsEscapes() {
        #expect(self.parse(#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#) == .string("\"\\/\u{8}\u{C}\n\r\té😀é"))
    }

    @Test func apisixCVE_2022_25757_duplicateMembersAreRefused() {
        #expect(self.parse(#"{"alg":"RS256","alg":"none"}"#) == nil)
        #expect(self.parse(#"{"alg":"RS256","\u0061lg":"none"}"#) == nil)
        #expect(self.parse(#"{"a":{"b":1,"b":2}}"#) == nil)
        #expect(self.parse(#"{"a":null,"a":1}"#) == nil)
    }

    @Test(arguments: [
        "", " ", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "01", "+1", "1.", ".5", "1e", "-",
        "0x1", "NaN",
        "Infinity", "tru", "nul", "'a'", "\"a", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"a\nb\"", "1 1", "{} {}", "1e999", "-1e999", "{a:1}", "\u{FEFF}{}",
    ]) func refuses(text: String) {
        #expect(self.parse(text) == nil)
    }

    @Test func refusesWhatIsNoUTF8() {
        #expect(StrictJSON.parse([0x22, 0xFF, 0x22]) == nil)
        #expect(StrictJSON.parse([0x22, 0xED, 0xA0, 0x80, 0x22]) == nil)
    }

    @Test func refusesDeepNesting() {
        #expect(self.parse(String(repeating: "[", count: 32) + String(repeating: "]", count: 32)) != nil)
        #expect(self.parse(String(repeating: "[", count: 100_000)) == nil)
        #expect(self.parse(String(repeating: #"{"a":"#, count: 100_000)) == nil)
    }

    @Test func keepsLargeNumbersWithoutTrapping() {
        #expect(self.parse("9223372036854775807") == .integer(.max))
        #expect(self.parse("9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(self.parse("-9223372036854775808") == .integer(.min))
        #expect(self.parse(String(repeating: "9", count: 65)) == nil)
    }

    @Test func survivesEveryTruncation() {
        let text = Array(#"{"a":[1,-2.5e1,true,null,"\ud83d\ude00"],"b":{"c":"d"}}"#.utf8)
        for count in 0..<text.count { #expect(StrictJSON.parse(Array(text.prefix(count))) == nil) }
    }

    @Test func base64URLIsCanonical() {
        #expect(Base64URL.decode("AQID".utf8) == [1, 2, 3])
        #expect(Base64URL.decode("_-8".utf8) == [0xFF, 0xEF])
        for bad in ["A", "AQ==", "AQID+", "A/==", "AR", "AQI\n", "AAF", "é"] {
            #expect(Base64URL.decode(bad.utf8) == nil, "\(bad)")
        }
        var source = SeededSource(state: 9)
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &source) }
            #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
        }
    }
}
