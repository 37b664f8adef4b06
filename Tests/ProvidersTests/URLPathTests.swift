// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Providers

@Suite struct URLPathTests {
    @Test func encodesOnePartWithItsSlashes() throws {
        #expect(try URLPath.part("a/b c?.pdf") == "a%2Fb%20c%3F.pdf")
        #expect(try URLPath.part("résumé%.txt") == "r%C3%A9sum%C3%A9%25.txt")
        #expect(try URLPath.part("-._~09AZaz") == "-._~09AZaz")
    }

    @Test func encodesPartByPart() throws {
        #expect(try URLPath.parts("Down loads/ü#/x.csv") == "Down%20loads/%C3%BC%23/x.csv")
    }

    @Test(arguments: ["", ".", ".."]) func refusesPartsThatWouldBeAnotherURL(_ part: String) {
        #expect(throws: ProviderError.self) { try URLPath.part(part) }
        #expect(throws: ProviderError.self) { try URLPath.parts("a/\(part)/b") }
    }

    @Test func encodesQueries() {
        #expect(URLPath.query([]) == "")
        #expect(URLPath.query([(name: "a", value: "1&2"), (name: "b", value: "")]) == "?a=1%262&b=")
    }

    @Test(arguments: ["a.pdf", "100%.txt", "a\nb", "\u{7F}\u{0}", "%41", "ünï/…"])
    func itemKeysAreReversible(_ name: String) throws {
        let item = try #require(ItemKey.make("n", name))
        #expect(ItemKey.identity(of: item, prefix: "n") == name)
        #expect(ItemKey.identity(of: item, prefix: "f") == nil)
        #expect(DownloadReference(provider: try testID("p"), session: nil, item: item).isWellFormed)
    }

    @Test func itemKeysRefuseWhatTheyDoNotMake() {
        #expect(ItemKey.make("n", "") == nil)
        #expect(ItemKey.make("n", String(repeating: "x", count: 5000)) == nil)
        #expect(ItemKey.split("n") == nil)
        #expect(ItemKey.split("n:") == nil)
        #expect(ItemKey.split("n:%41") == nil)
        #expect(ItemKey.split("n:%zz") == nil)
    }
}
