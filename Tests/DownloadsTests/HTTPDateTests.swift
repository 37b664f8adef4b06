// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

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

    /// RFC 9110, 5.6.7: a recipient must accept all three.
    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994", "Sun, 06-Nov-1994 08:49:37 GMT",
    ])
    func readsTheObsoleteFormsToo(_ text: String) {
        #expect(HTTPDate.parse(text) == Date(timeIntervalSince1970: 784_111_777))
    }

    /// A year of two digits that would be more than 50 years ahead is of the past.
    @Test(arguments: [
        ("2026-11-22T00:00:00Z", "94", "1994"), ("2026-11-22T00:00:00Z", "77", "1977"),
        ("2026-11-22T00:00:00Z", "76", "2076"), ("2026-11-22T00:00:00Z", "26", "2026"),
        ("2051-01-01T00:00:00Z", "49", "2049"), ("2051-01-01T00:00:00Z", "99", "2099"),
        ("1999-01-01T00:00:00Z", "96", "1996"),
    ])
    func twoDigitsAreOfTheNearestCentury(_ now: String, _ year: String, _ expected: String) throws {
        let date = HTTPDate.parse("Sunday, 06-Nov-\(year) 08:49:37 GMT", now: try #require(RFC3339.parse(now)))
        #expect(date == RFC3339.parse("\(expected)-11-06T08:49:37Z"))
    }

    @Test(arguments: [
        "", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
        "1994-11-06T08:49:37Z", "Sunday, 06-Nov-94 08:49:37 UTC", "Sunday, 31-Feb-94 08:49:37 GMT",
        "Sunday, 06-Nov- 08:49:37 GMT", "Sunday, --94 08:49:37 GMT", "Sunday, 06-Nov-x4 08:49:37 GMT",
        "Sunday 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 94", "Sun Nov  6 08:49 1994", "Sun Nov  x 08:49:37 1994",
        "Sun Nov  6 08:49:37.5 1994", "Sun, 06 Nov 1994 08:49:37+01 GMT", "a b c d", "a b c d e", "a b c d e f",
    ])
    func ignoresOtherForms(_ text: String) { #expect(HTTPDate.parse(text) == nil) }
}
