// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

@Suite struct ByteRangeHeaderTests {
    @Test(arguments: [
        ("bytes=0-0", ByteRange.bounded(first: 0, last: 0)),
        ("bytes=5-9", .bounded(first: 5, last: 9)),
        ("BYTES = 5-9", .bounded(first: 5, last: 9)),
        ("bytes= 5-9 ", .bounded(first: 5, last: 9)),
        ("bytes=, 5-9 ,", .bounded(first: 5, last: 9)),
        ("bytes=5-", .from(5)),
        ("bytes=-5", .suffix(5)),
        ("bytes=-0", .suffix(0)),
    ])
    func readsOneRange(_ field: String, _ range: ByteRange) { #expect(ByteRangeHeader.range(in: field) == range) }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-5", "bytes=1", "bytes=--1", "bytes=1--2", "bytes=+1-2",
        "bytes=0x1-2", "bytes=1 - 2", "items=0-1", "bytes=1-2=3", "bytes=１-２", "bytes: 0-1", "=0-1",
    ])
    func ignoresWhatIsMalformedOrAnotherUnit(_ field: String) { #expect(ByteRangeHeader.range(in: field) == nil) }

    @Test func ignoresAMissingField() { #expect(ByteRangeHeader.range(in: nil) == nil) }

    /// Apache CVE-2011-3192: many overlapping ranges multiplied the work; several ranges get the whole file here.
    @Test func apacheCVE_2011_3192_overlappingRangesAreNotAnswered() {
        #expect(ByteRangeHeader.range(in: "bytes=0-1,1-2") == nil)
        let many = "bytes=0-" + (1...30).map { ",5-\($0)" }.joined()
        #expect(ByteRangeHeader.range(in: many) == nil)
        #expect(ByteRangeHeader.range(in: "bytes=" + String(repeating: "0-,", count: 100_000)) == nil)
    }

    /// Vapor CVE-2022-31005: `bytes=0-9223372036854775807` ended the process.
    @Test func vaporCVE_2022_31005_rangeOfMaximumIntegerDoesNotTrap() {
        let range = ByteRangeHeader.range(in: "bytes=0-9223372036854775807")
        #expect(range == .bounded(first: 0, last: .max))
        #expect(range?.resolved(size: 10) == 0...9)
        let all: ClosedRange<Int64> = 0...(Int64.max - 1)
        #expect(range?.resolved(size: .max) == all)
        let last = ByteRangeHeader.range(in: "bytes=9223372036854775807-9223372036854775807")
        #expect(last != nil)
        #expect(last?.resolved(size: .max) == nil)
        #expect(ByteRangeHeader.range(in: "bytes=9223372036854775807-")?.resolved(size: 10) == nil)
    }

    /// nginx CVE-2017-7529: suffixes whose sum overflowed read memory in front of the file.
    @Test func nginxCVE_2017_7529_suffixesBeyondTheFileStayInside() {
        #expect(ByteRangeHeader.range(in: "bytes=-9223372036854775807")?.resolved(size: 10) == 0...9)
        #expect(ByteRangeHeader.range(in: "bytes=-9223372036854775808") == nil)
        #expect(ByteRangeHeader.range(in: "bytes=-9223372036854775806,-9223372036854775806") == nil)
        #expect(ByteRangeHeader.range(in: "bytes=99999999999999999999-") == nil)
    }
}
