// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transfer

@Suite
struct URLTests {
    @Test(arguments: [
        ("http://example.org", "http://example.org:80"), ("https://example.org/a?b", "https://example.org:443"),
        ("HTTPS://EXAMPLE.org.:8443/", "https://example.org:8443"), ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("http://[0:0::1]/", "http://[::1]:80"), ("http://0x7f.1/", "http://127.0.0.1:80"),
        ("http://2130706433/", "http://127.0.0.1:80"),
        ("http://a_b.example/", "http://a_b.example:80"), ("http://example.org:080/", "http://example.org:80"),
    ])
    func originsAreReadAsLibcurlReadsThem(url: String, expected: String) {
        #expect(Origin(of: url)?.description == expected)
    }

    @Test(arguments: [
        "", "/", "example.org", "//example.org/", "ftp://example.org/", "file:///etc/passwd", "javascript:alert(1)",
        "http:",
        "http://", "http:///", "http://:80/", "http://user@example.org/", "http://user:pw@example.org/",
        "http://@example.org/",
        "http://example.org:0/", "http://example.org:65536/", "http://example.org:-1/", "http://example.org:80x/",
        "http://exa mple.org/", "http://example.org/a b", "http://example.org/\r\nHost: x", "http://example.org/\0",
        "http://example.org/\t",
        "http://b\u{fc}cher.de/", "http://example.org/\u{e9}", "http://example.org\\@evil.com/",
        "http://exam%00ple.org/",
        "http://exam%2fple.org/", "http://a..b/", "http://.a/", "http://[::1]x/", "http://[::1%25lo]/",
        "http://[1.2.3.4]/", "http://a,b/",
        " http://example.org/", "http://example.org/ ", "http://%65xample.org%40/", "unix:///var/run/docker.sock",
    ])
    func whatMayNotBeAskedIsNoOrigin(url: String) {
        #expect(Origin(of: url) == nil)
    }

    @Test func tooLongIsRefused() {
        let path = String(repeating: "a", count: TargetURL.maximumLength)
        #expect(Origin(of: "http://example.org/\(path)") == nil)
        #expect(Origin(of: "http://example.org/\(path.dropLast(100))") != nil)
    }

    @Test func originsDifferByEachPart() {
        let base = Origin(of: "https://example.org/")
        for other in [
            "http://example.org/", "https://example.com/", "https://example.org:444/", "https://a.example.org/",
        ] {
            #expect(Origin(of: other) != base)
        }
        #expect(Origin(of: "https://EXAMPLE.org:443/other?x#y") == base)
    }

    @Test func aQueryIsKeptAsItIsAndAFragmentIsNot() throws {
        let text = "https://example.org/a%2Fb/c%20d?X-Amz-Signature=a%2Bb&x=1+2"
        #expect(try TargetURL(text + "#f").text == text)
    }
}
