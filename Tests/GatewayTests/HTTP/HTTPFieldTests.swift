// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct HTTPDateTests {
    @Test(arguments: [
        (784_111_777.0, "Sun, 06 Nov 1994 08:49:37 GMT"), (0.0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1_795_227_840.9, "Sat, 21 Nov 2026 02:24:00 GMT"), (951_782_400.0, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (-1.0, "Wed, 31 Dec 1969 23:59:59 GMT"), (-86_400.0, "Wed, 31 Dec 1969 00:00:00 GMT"),
        (-604_800.0, "Thu, 25 Dec 1969 00:00:00 GMT"),
    ])
    func formatsAsInRFC9110(_ seconds: Double, _ text: String) {
        #expect(HTTPDate.format(Date(timeIntervalSince1970: seconds)) == text)
        #expect(HTTPDate.parse(text) == Date(timeIntervalSince1970: seconds.rounded(.down)))
    }

    @Test(arguments: [Double.infinity, -Double.infinity, 1e300, -1e300, 253_402_300_799])
    func formatsAnyTimeWithoutTrapping(_ seconds: Double) {
        #expect(HTTPDate.format(Date(timeIntervalSince1970: seconds)).hasSuffix(" GMT"))
    }

    @Test(arguments: [
        "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "1994-11-06T08:49:37Z",
    ])
    func ignoresOtherForms(_ text: String) { #expect(HTTPDate.parse(text) == nil) }
}

@Suite struct PreconditionsTests {
    private let etag = "\"abc\""
    private let modified = Date(timeIntervalSince1970: 784_111_777.4)
    private let same = "Sun, 06 Nov 1994 08:49:37 GMT"
    private let before = "Sun, 06 Nov 1994 08:49:36 GMT"

    private func outcome(_ headers: HTTPFields, isRead: Bool = true, modified: Date?? = nil) -> Preconditions.Outcome {
        Preconditions(headers).evaluate(etag: self.etag, lastModified: modified ?? self.modified, isRead: isRead)
    }

    @Test func proceedsWithoutConditions() { #expect(self.outcome([:]) == .proceed) }

    @Test func ifMatchComparesStrongly() {
        #expect(self.outcome([.ifMatch: "\"x\", \"abc\""]) == .proceed)
        #expect(self.outcome([.ifMatch: "*"]) == .proceed)
        #expect(self.outcome([.ifMatch: "W/\"abc\""]) == .failed)
        #expect(self.outcome([.ifMatch: "\"x\""]) == .failed)
        #expect(self.outcome([.ifMatch: "abc"]) == .failed)
    }

    @Test func ifNoneMatchComparesWeakly() {
        #expect(self.outcome([.ifNoneMatch: "\"abc\""]) == .notModified)
        #expect(self.outcome([.ifNoneMatch: "\"x\", W/\"abc\""]) == .notModified)
        #expect(self.outcome([.ifNoneMatch: "*"]) == .notModified)
        #expect(self.outcome([.ifNoneMatch: "\"x\""]) == .proceed)
        #expect(self.outcome([.ifNoneMatch: "*"], isRead: false) == .failed)
    }

    @Test func datesCompareByWholeSeconds() {
        #expect(self.outcome([.ifModifiedSince: self.same]) == .notModified)
        #expect(self.outcome([.ifModifiedSince: self.before]) == .proceed)
        #expect(self.outcome([.ifUnmodifiedSince: self.same]) == .proceed)
        #expect(self.outcome([.ifUnmodifiedSince: self.before]) == .failed)
        #expect(self.outcome([.ifModifiedSince: self.same], isRead: false) == .proceed)
    }

    @Test func malformedDatesAreIgnored() {
        #expect(self.outcome([.ifModifiedSince: "yesterday"]) == .proceed)
        #expect(self.outcome([.ifUnmodifiedSince: "yesterday"]) == .proceed)
    }

    @Test func aFileWithoutATimeIsNeverUnmodified() {
        #expect(self.outcome([.ifModifiedSince: self.same], modified: .some(nil)) == .proceed)
        // Of a file without a date nothing can be said (RFC 9110, 13.1.4).
        #expect(self.outcome([.ifUnmodifiedSince: self.same], modified: .some(nil)) == .proceed)
    }

    @Test func entityTagsGoBeforeDates() {
        #expect(self.outcome([.ifNoneMatch: "\"x\"", .ifModifiedSince: self.same]) == .proceed)
        #expect(self.outcome([.ifMatch: "\"abc\"", .ifUnmodifiedSince: self.before]) == .proceed)
        #expect(self.outcome([.ifMatch: "\"x\"", .ifNoneMatch: "\"abc\""]) == .failed)
    }

    @Test func ifRangeNamesJustThisFile() {
        func allows(_ value: String?) -> Bool {
            var headers: HTTPFields = [:]
            headers[.ifRange] = value
            return Preconditions(headers).allowsRange(etag: self.etag, lastModified: self.modified)
        }
        #expect(allows(nil))
        #expect(allows("\"abc\""))
        #expect(allows(self.same))
        #expect(!allows("W/\"abc\""))
        #expect(!allows("\"x\""))
        #expect(!allows(self.before))
        #expect(!allows("Sun, 06 Nov 1994 08:49:38 GMT"))
        #expect(!allows("nonsense"))
    }
}

@Suite struct ContentDispositionTests {
    @Test(arguments: [
        ("report.pdf", "report.pdf", "report.pdf"),
        ("a b.txt", "a b.txt", "a%20b.txt"),
        ("say \"hi\".txt", "say _hi_.txt", "say%20%22hi%22.txt"),
        ("50%.txt", "50_.txt", "50%25.txt"),
        ("back\\slash", "back_slash", "back%5Cslash"),
        ("über.txt", "_ber.txt", "%C3%BCber.txt"),
        ("📄.pdf", "_.pdf", "%F0%9F%93%84.pdf"),
        ("it's;a,b.txt", "it's;a,b.txt", "it%27s%3Ba%2Cb.txt"),
        ("a\r\nSet-Cookie: x", "a__Set-Cookie: x", "a%0D%0ASet-Cookie%3A%20x"),
    ])
    func namesAFileInBothForms(_ name: String, _ ascii: String, _ encoded: String) {
        #expect(
            ContentDisposition.attachment(filename: name)
                == "attachment; filename=\"\(ascii)\"; filename*=UTF-8''\(encoded)"
        )
    }

    @Test func emitsOnlyPrintableASCII() {
        let every = String(String.UnicodeScalarView((0...0x2FF).compactMap(Unicode.Scalar.init)))
        #expect(ContentDisposition.attachment(filename: every).utf8.allSatisfy { (0x20...0x7E).contains($0) })
    }
}

@Suite struct CSVTests {
    @Test(
        arguments: [
            (["a", "b"], "a,b\r\n"), (["a,b", "c\"d"], "\"a,b\",\"c\"\"d\"\r\n"),
            (["a\nb", "c\rd"], "\"a\nb\",\"c\rd\"\r\n"),
            ([nil, "", "x"], ",,x\r\n"), (["über"], "über\r\n"),
        ] as [([String?], String)]
    )
    func writesALine(_ fields: [String?], _ line: String) { #expect(CSV.line(fields) == line) }

    @Test(arguments: ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
    func aFormulaIsNoFormulaAnyMore(_ name: String) { #expect(CSV.line([name]) == "'" + name + "\r\n") }

    @Test func aFormulaWithQuotesStaysInOneField() {
        #expect(CSV.line(["=HYPERLINK(\"http://x\",\"y\")"]) == "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\r\n")
        #expect(CSV.line(["\r=1"]) == "\"'\r=1\"\r\n")
    }
}

@Suite struct PublicURLTests {
    @Test(arguments: [
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("https://user:pass@example.com/a", "https://example.com/a"),
        ("https://user@pass@example.com/a", "https://example.com/a"),
        ("https://example.com/@me", "https://example.com/@me"),
        ("https://example.com/a?X-Amz-Signature=abc&x=1", "https://example.com/a?X-Amz-Signature=REDACTED&x=1"),
        (
            "https://example.com/?access_token=t&API_KEY=k",
            "https://example.com/?access_token=REDACTED&API_KEY=REDACTED"
        ),
        ("https://example.com/?x-amz-credential=AKIA", "https://example.com/?x-amz-credential=REDACTED"),
        ("not a url", "not a url"), ("", ""),
    ])
    func showsNoCredential(_ url: String, _ shown: String) { #expect(PublicURL.withoutCredentials(url) == shown) }
}
