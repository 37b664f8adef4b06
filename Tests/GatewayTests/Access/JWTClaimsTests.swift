// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct JWTClaimsTests {
    private func refusal(_ changes: [String: String?], at seconds: Double = 1_800_000_300) async throws -> JWTRefusal? {
        let token = JWTForge.token(payload: JWTForge.payload(changes))
        return try await JWTForge.refusal(of: token, at: Date(timeIntervalSince1970: seconds))
    }

    @Test func refusesTokensWithoutAnEnd() async throws {
        #expect(try await self.refusal(["exp": nil]) == .invalid("no 'exp'"))
    }

    @Test func refusesExpiredTokensAfterTheLeeway() async throws {
        #expect(try await self.refusal([:], at: 1_800_000_659) == nil)
        #expect(try await self.refusal([:], at: 1_800_000_660) == .expired)
        #expect(try await self.refusal([:], at: 1_800_000_660.5) == .expired)
    }

    @Test func expiredIsSaidOnlyOfGoodTokens() async throws {
        let forged = JWTForge.token(payload: JWTForge.payload(), secret: String(repeating: "x", count: 64))
        let later = Date(timeIntervalSince1970: 1_900_000_000)
        #expect(try await JWTForge.refusal(of: forged, at: later) == .invalid("signature is wrong"))
        #expect(try await self.refusal(["aud": #""elsewhere""#], at: 1_900_000_000) == .invalid("another audience"))
    }

    @Test func refusesTokensBeforeTheirTime() async throws {
        #expect(try await self.refusal(["nbf": "1800000360"]) == nil)
        #expect(try await self.refusal(["nbf": "1800000361"]) == .invalid("not valid yet"))
        #expect(try await self.refusal(["iat": "1800000360"]) == nil)
        #expect(try await self.refusal(["iat": "1800000361"]) == .invalid("issued in the future"))
    }

    @Test(arguments: [
        "-1", "1e300", "-1e300", "9223372036854775807", "-9223372036854775808", "1e18", "253402300800",
        #""1800000600""#, "true",
        "null", "[]", "{}",
    ]) func refusesTimesThatAreNone(value: String) async throws {
        for name in ["exp", "nbf", "iat"] { #expect(try await self.refusal([name: value]) != nil, "\(name)") }
    }

    @Test func takesFractionsOfSeconds() async throws {
        #expect(try await self.refusal(["exp": "1800000240.5"]) == nil)
        #expect(try await self.refusal(["exp": "1800000239.5"]) == .expired)
        #expect(try await self.refusal(["exp": "1.8000006e9"]) == nil)
    }

    @Test func wantsOneOfTheAudiences() async throws {
        #expect(try await self.refusal(["aud": #"["elsewhere","other"]"#]) == nil)
        for bad in [#""Sluice""#, #"["elsewhere"]"#, "[]", "null", "1", #"[["sluice"]]"#, #"{"sluice":1}"#] {
            #expect(try await self.refusal(["aud": bad]) != nil, "\(bad)")
        }
        #expect(try await self.refusal(["aud": nil]) == .invalid("no audience"))
    }

    @Test func wantsASubject() async throws {
        for bad in [
            nil, #""""#, "1", "null", #""a\nb""#, #""a\u0000b""#, "\"" + String(repeating: "a", count: 256) + "\"",
        ] {
            #expect(try await self.refusal(["sub": bad]) == .invalid("'sub' is missing or malformed"))
        }
    }

    @Test func takesScopesFromEitherClaim() async throws {
        func scopes(_ changes: [String: String?]) async throws -> Set<Scope> {
            try await JWTForge.verify(JWTForge.token(payload: JWTForge.payload(changes))).scopes
        }
        #expect(
            try await scopes(["scope": #""openid downloads:read  logs:read downloads:everything""#]) == [.read, .logs]
        )
        #expect(try await scopes(["scope": nil, "scp": #"["downloads:delete","email"]"#]) == [.delete])
        #expect(try await scopes(["scope": nil]) == [])
        #expect(try await scopes(["scope": #""""#, "scp": #"["admin"]"#]) == [])
        #expect(try await self.refusal(["scope": #"["admin"]"#]) == .invalid("'scope' is not a text"))
        #expect(try await self.refusal(["scope": nil, "scp": #""admin""#]) == .invalid("'scp' is not a list"))
        #expect(try await self.refusal(["scope": nil, "scp": "[1]"]) != nil)
    }

    @Test func narrowsToProviders() async throws {
        func providers(_ value: String) async throws -> [String]? {
            try await JWTForge.verify(JWTForge.token(payload: JWTForge.payload(["providers": value]))).providers?.map(
                \.name
            )
            .sorted()
        }
        #expect(try await providers(#"["vagon","anchor"]"#) == ["anchor", "vagon"])
        #expect(try await providers("[]") == [])
        #expect(try await providers(#"["NOT A NAME"]"#) == [])
        for bad in ["null", #""vagon""#, "[1]", "{}"] {
            #expect(try await self.refusal(["providers": bad]) != nil, "\(bad)")
        }
    }

    @Test func narrowsToSessions() async throws {
        func sessions(_ value: String) async throws -> [String]? {
            try await JWTForge.verify(JWTForge.token(payload: JWTForge.payload(["sessions": value]))).sessions?
                .map(\.pattern)
        }
        #expect(try await sessions(#"["build-*","b"]"#) == ["build-*", "b"])
        #expect(try await sessions("[]") == [])
        #expect(try await sessions(#"["","a"]"#) == ["a"])
        for bad in ["null", #""a""#, "[1]", "{}"] {
            #expect(try await self.refusal(["sessions": bad]) != nil, "\(bad)")
        }
    }

    @Test func litellmCVE_2026_35030_callersDifferByTheWholeSubject() async throws {
        let long = String(repeating: "a", count: 250)
        func caller(_ subject: String) async throws -> Caller {
            try await JWTForge.verify(JWTForge.token(payload: JWTForge.payload(["sub": "\"\(subject)\""])))
        }
        #expect(try await caller(long + "1").id != caller(long + "2").id)
    }
}
