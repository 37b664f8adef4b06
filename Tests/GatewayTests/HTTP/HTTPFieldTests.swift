// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

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

    /// RFC 9110, 13.1.1: `*` is the whole value or none; within quotes it is a tag like others, and so is a comma.
    @Test func onlyAsteriskAloneIsAnyTag() {
        for value in ["\"a,*,b\"", "\"*\"", "*, \"x\"", "\"x\", *", "\"x,\"abc\"\"", "", ","] {
            #expect(self.outcome([.ifNoneMatch: value]) == .proceed, "\(value)")
            #expect(self.outcome([.ifMatch: value]) == .failed, "\(value)")
        }
        #expect(self.outcome([.ifNoneMatch: " * "]) == .notModified)
        #expect(self.outcome([.ifNoneMatch: "\"a,b\",\"abc\""]) == .notModified)
        #expect(self.outcome([.ifMatch: ", \"x\" ,\"abc\","]) == .proceed)
    }

    /// RFC 9110, 5.6.7.
    @Test(arguments: ["Sunday, 06-Nov-94 08:49:3$ GMT", "Sun Nov  6 08:49:3$ 1994"])
    func obsoleteDatesAreDates(_ form: String) {
        let (same, before) = (form.replacing("$", with: "7"), form.replacing("$", with: "6"))
        #expect(self.outcome([.ifModifiedSince: same]) == .notModified)
        #expect(self.outcome([.ifModifiedSince: before]) == .proceed)
        #expect(self.outcome([.ifUnmodifiedSince: same]) == .proceed)
        #expect(self.outcome([.ifUnmodifiedSince: before]) == .failed)
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
