// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

@Suite struct GatewayKeyTests {
    @Test func hasTheFormOfTheContract() throws {
        var source = SeededSource(state: 1)
        for _ in 0..<200 {
            let text = GatewayKey.generate(using: &source).secret.reveal()
            #expect(text.wholeMatch(of: /slc_[0-9A-Za-z]{38}/) != nil)
            #expect(GatewayKey(text)?.secret.reveal() == text)
        }
    }

    @Test func checkIsTheCRCInBase62() throws {
        // Python: zlib.crc32(b"0" * 32) is 0xA0F292D0.
        #expect(GatewayKey("slc_" + String(repeating: "0", count: 32) + "2wjyrI") != nil)
    }

    @Test func twoAreNeverTheSame() {
        #expect(Set((0..<1000).map { _ in GatewayKey.generate() }).count == 1000)
    }

    @Test func refusesEveryChangedCharacter() {
        var source = SeededSource(state: 2)
        let text = GatewayKey.generate(using: &source).secret.reveal()
        for (offset, character) in text.enumerated() {
            var changed = Array(text)
            changed[offset] = character == "x" ? "y" : "x"
            #expect(GatewayKey(String(changed)) == nil, "position \(offset)")
        }
    }

    @Test(arguments: ["", "slc_", "abc", "slc_short", "SLC_" + String(repeating: "0", count: 38)])
    func tykIssue1681_shortTokensAreRefused(text: String) async throws {
        #expect(GatewayKey(text) == nil)
        #expect(try await StoreFixture().ring().authenticate(text) == nil)
    }

    @Test func refusesOtherCharactersAndLengths() {
        var source = SeededSource(state: 3)
        let text = GatewayKey.generate(using: &source).secret.reveal()
        #expect(GatewayKey(text + "0") == nil)
        #expect(GatewayKey(" " + text) == nil)
        #expect(GatewayKey(text.dropLast() + "é") == nil)
        #expect(GatewayKey(String(repeating: "a", count: 1_000_000)) == nil)
    }

    @Test func cannotBePrinted() {
        let key = GatewayKey.generate()
        var dumped = ""
        dump(key, to: &dumped)
        let body = key.secret.reveal().dropFirst(4)
        #expect(!"\(key)".contains(body) && !dumped.contains(body) && !String(reflecting: key).contains(body))
    }
}
