// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

@Suite struct RedactedPathTests {
    @Test(arguments: [
        ("/v1/downloads", "/v1/downloads"),
        (
            "/v1/downloads?provider=vagon&limit=5&sort=-createdAt",
            "/v1/downloads?provider=vagon&limit=5&sort=-createdAt"
        ),
        ("/v1/downloads?token=abc&sessionId=s1", "/v1/downloads?token=REDACTED&sessionId=s1"),
        ("/v1/downloads?q=secret&cursor=xyz", "/v1/downloads?q=REDACTED&cursor=REDACTED"),
        ("/x?a=b=c&d", "/x?a=REDACTED&REDACTED"), ("/x?", "/x?"), ("/x?&&", "/x?&&"), ("/x?=v", "/x?=REDACTED"),
        ("/x?a=1?b=2", "/x?a=REDACTED"), ("/x?Provider=vagon", "/x?Provider=REDACTED"),
        ("/v1/logs?key=AIza&status=4xx", "/v1/logs?key=REDACTED&status=4xx"), ("/x?provider%3Dabc", "/x?REDACTED"),
        ("", ""),
    ]) func keepsNamesAndHarmlessValues(target: String, expected: String) {
        #expect(RedactedPath.of(target) == expected)
    }

    @Test func litellmIssue24902_keysInTheAddressAreNotLogged() {
        let key = GatewayKey.generate().secret.reveal()
        for target in [
            "/x?key=\(key)", "/x?api_key=\(key)", "/x?\(key)", "/x?provider=\(key)", "/x?limit=1&access_token=\(key)",
            "/x?\(key)=1",
        ] {
            #expect(!RedactedPath.of(target).contains(key.dropFirst(4)), "\(target)")
        }
    }

    @Test func litellmIssue24902_keysInOtherFieldsAreNotLogged() {
        let key = GatewayKey.generate().secret.reveal()
        #expect(RedactedPath.withoutKey("curl \(key)") == "REDACTED")
        #expect(RedactedPath.withoutKey("curl/8.14") == "curl/8.14")
        #expect(RequestIDs(make: { "made" }).id(presented: [key]) == "made")
    }

    @Test func controlCharactersCannotForgeLines() {
        let path = RedactedPath.of("/a\r\nGET /b\u{1B}[31m\u{7F}é\u{202E}")
        #expect(path == "/a%0D%0AGET /b%1B[31m%7F%C3%A9%E2%80%AE")
    }

    @Test func isCutToItsLength() {
        let path = RedactedPath.of("/" + String(repeating: "a", count: 100_000))
        #expect(path.utf8.count == 2048 && path.hasSuffix("a~"))
        #expect(RedactedPath.of("/" + String(repeating: "a", count: 2047)).hasSuffix("a"))
        #expect(RedactedPath.of("/" + String(repeating: "é", count: 5000)).utf8.count <= 2048)
    }
}
