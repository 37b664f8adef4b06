// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

@Suite struct CallerTests {
    private let vagon = ProviderID("vagon")
    private let anchor = ProviderID("anchor")

    private func caller(scopes: Set<Scope> = [.read], providers: [String]? = nil, sessions: [String]? = nil) -> Caller {
        Caller(
            .key("key_1"),
            displayName: "one",
            scopes: scopes,
            providers: providers.map { Set($0.compactMap { ProviderID($0) }) },
            sessions: sessions.map { $0.compactMap { SessionGlob($0) } }
        )
    }

    @Test(arguments: Scope.allCases) func adminMayEverything(scope: Scope) {
        #expect(Caller.admin.may(scope))
    }

    @Test func othersMayWhatTheirScopesSay() {
        let caller = self.caller(scopes: [.read, .logs])
        #expect(caller.may(.read) && caller.may(.logs))
        #expect(!caller.may(.delete) && !caller.may(.write) && !caller.may(.admin))
    }

    @Test func seesOnlyItsProviders() throws {
        let vagon = try #require(self.vagon)
        let anchor = try #require(self.anchor)
        #expect(self.caller().maySee(provider: anchor))
        #expect(self.caller(providers: ["vagon"]).maySee(provider: vagon))
        #expect(!self.caller(providers: ["vagon"]).maySee(provider: anchor))
        #expect(!self.caller(providers: []).maySee(provider: anchor))
        let reference = DownloadReference(provider: anchor, session: "s", item: "i")
        #expect(!self.caller(providers: ["vagon"]).maySee(reference))
    }

    @Test func narrowedToSessionsItDoesNotSeeWhatLiesOutside() throws {
        let vagon = try #require(self.vagon)
        let caller = self.caller(sessions: ["build-*"])
        #expect(caller.maySee(session: "build-7", of: vagon))
        #expect(!caller.maySee(session: "other", of: vagon))
        #expect(!caller.maySee(session: nil, of: vagon))
        #expect(!caller.maySee(DownloadReference(provider: vagon, session: nil, item: "i")))
        #expect(self.caller().maySee(session: nil, of: vagon))
        #expect(!self.caller(sessions: []).maySee(session: "build-7", of: vagon))
    }

    @Test func litellmCVE_2026_35030_identityUsesTheWholeToken() {
        let long = String(repeating: "a", count: 200)
        func id(_ issuer: String, _ subject: String) -> String {
            Caller(.token(issuer: issuer, subject: subject), displayName: "", scopes: []).id
        }
        #expect(id("https://a", long + "1") != id("https://a", long + "2"))
        #expect(id("https://a", "x") != id("https://b", "x"))
        // No subject can pass for a key, for the admin, or for another issuer's subject.
        #expect(id("https://a", "key_1") != "key_1")
        #expect(id("https://a", "admin") != Caller.admin.id)
        #expect(id("https://a", "x").hasPrefix("jwt:"))
        #expect(id("https://a", "x").hasSuffix(":x"))
    }

    @Test(arguments: [
        ("*", "", true), ("*", "abc", true), ("a*", "abc", true), ("a*", "ba", false), ("*c", "abc", true),
        ("a?c", "abc", true), ("a?c", "ac", false), ("?", "é", true), ("a*b*c", "aXXbYYc", true),
        ("a*b*c", "aXXcYYb", false),
        ("abc", "abc", true), ("abc", "ABC", false), ("abc", "abcd", false), ("a**b", "ab", true), ("*a", "aab", false),
        ("[a]", "a", false), ("a.c", "abc", false), ("*ab", "aab", true),
    ]) func globs(pattern: String, session: String, matches: Bool) throws {
        #expect(try #require(SessionGlob(pattern)).matches(session) == matches)
    }

    @Test(arguments: ["", "a\nb", "a\u{0}", String(repeating: "a", count: 257)])
    func refusesMalformedGlobs(pattern: String) {
        #expect(SessionGlob(pattern) == nil)
    }

    @Test func globsDoNotBacktrackWithoutBound() throws {
        // Exponential matching would not end within the age of the universe.
        let glob = try #require(SessionGlob(String(repeating: "*a", count: 100) + "b"))
        #expect(!glob.matches(String(repeating: "a", count: 4096)))
    }
}
