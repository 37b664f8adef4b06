// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Gateway

@Suite struct ContentNegotiationTests {
    private func best(_ accept: String?, _ offers: String...) -> String? {
        ContentNegotiation(accept: accept).best(of: offers)
    }

    @Test func takesTheFirstOfferWhereNothingIsSaid() {
        #expect(self.best(nil, "a/b", "c/d") == "a/b")
        #expect(self.best("", "a/b", "c/d") == "a/b")
        #expect(self.best(" \t ", "a/b", "c/d") == "a/b")
        #expect(self.best("*/*", "a/b", "c/d") == "a/b")
    }

    /// RFC 9110, 12.5.1: "audio/*; q=0.2, audio/basic".
    @Test func prefersAudioBasicAsInTheExampleOfRFC9110() {
        #expect(self.best("audio/*; q=0.2, audio/basic", "audio/mpeg", "audio/basic") == "audio/basic")
        #expect(self.best("audio/*; q=0.2, audio/basic", "audio/mpeg") == "audio/mpeg")
        #expect(self.best("audio/*; q=0.2, audio/basic", "video/mp4") == nil)
    }

    /// RFC 9110, 12.5.1: text/html and text/x-c are preferred, then text/x-dvi, then text/plain.
    @Test(arguments: [
        (["text/plain", "text/x-dvi", "text/html"], "text/html"),
        (["text/plain", "text/x-dvi", "text/x-c"], "text/x-c"),
        (["text/plain", "text/x-dvi"], "text/x-dvi"),
        (["text/plain"], "text/plain"),
    ])
    func ordersByQualityAsInTheExampleOfRFC9110(_ offers: [String], _ expected: String) {
        let accept = "text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c"
        #expect(ContentNegotiation(accept: accept).best(of: offers) == expected)
    }

    /// RFC 9110, 12.5.1, the table of qualities.
    @Test func theMostSpecificRangeAloneDecidesTheQuality() {
        let accept = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5"
        #expect(self.best(accept, "text/html", "image/jpeg") == "image/jpeg")
        #expect(self.best(accept, "text/plain", "image/jpeg") == "text/plain")
        #expect(self.best("*/*, text/html;q=0.1", "text/html", "a/b") == "a/b")
    }

    @Test func aQualityOfZeroRefuses() {
        #expect(self.best("text/html;q=0", "text/html") == nil)
        #expect(self.best("*/*, text/html;q=0", "text/html") == nil)
        #expect(self.best("*/*, text/*;q=0.0", "text/html", "a/b") == "a/b")
        #expect(self.best("*/*;q=0", "a/b") == nil)
    }

    @Test func aNamedTypeGoesBeforeAWildcardOfTheSameQuality() {
        #expect(self.best("*/*, application/json", "a/b", "application/json") == "application/json")
        #expect(self.best("application/*, text/csv", "application/json", "text/csv") == "text/csv")
        #expect(self.best("*/*;q=0.9, application/json;q=0.8", "a/b", "application/json") == "a/b")
    }

    @Test func ofTwoNamedTypesTheFirstListedWins() {
        #expect(self.best("c/d, a/b", "a/b", "c/d") == "c/d")
        #expect(self.best("a/b, c/d", "a/b", "c/d") == "a/b")
    }

    @Test func ofTwoWildcardsTheFirstOfferWins() {
        #expect(self.best("text/*, application/*", "application/json", "text/csv") == "application/json")
    }

    @Test func letterCaseDoesNotCount() {
        #expect(self.best("Application/JSON;Q=0.4", "a/b", "application/json") == "application/json")
    }

    @Test(arguments: [
        "", "/", "text", "text/", "/html", "a/b/c;q=1", "text/html;q=2", "text/html;q=-1", "text/html;q=x",
        "text/html;q=", "text/html;q=nan", "*/html",
    ])
    func ignoresMembersThatAreNoMediaRange(_ member: String) {
        #expect(self.best("\(member), c/d;q=0.1", "text/html", "c/d") == "c/d")
    }

    @Test func onlyMalformedMembersAcceptNothing() { #expect(self.best("text", "text/html") == nil) }

    @Test func aListWithoutEndIsReadUpToABound() {
        let many = Array(repeating: "x/y", count: 100_000).joined(separator: ",")
        #expect(self.best(many, "a/b") == nil)
    }

    @Test func essenceDropsParametersAndCase() {
        #expect(MediaType.essence("Text/HTML ; charset=utf-8") == "text/html")
        #expect(MediaType.essence("") == "")
    }
}
