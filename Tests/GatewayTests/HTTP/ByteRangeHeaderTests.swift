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
    func readsOneRange(_ field: String, _ range: ByteRange) { #expect(ByteRangeHeader(field) == .ranges([range])) }

    @Test func readsSeveralRangesInTheirOrder() {
        #expect(
            ByteRangeHeader("bytes=-3, 5-9 ,,7-")
                == .ranges([.suffix(3), .bounded(first: 5, last: 9), .from(7)])
        )
        let sixteen =
            "bytes=" + Array(repeating: "9223372036854775806-9223372036854775807", count: 16).joined(separator: ", ")
        #expect(ByteRangeHeader(sixteen) == .ranges(Array(repeating: .bounded(first: .max - 1, last: .max), count: 16)))
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-5", "bytes=1", "bytes=--1", "bytes=1--2", "bytes=+1-2",
        "bytes=0x1-2", "bytes=1 - 2", "items=0-1", "bytes=1-2=3", "bytes=１-２", "bytes: 0-1", "=0-1", "bytes=0-1,5-3",
        "bytes=0-1,x", "bytes=0-1, bytes=3-4", "bytes=,,,",
    ])
    func ignoresWhatIsMalformedOrAnotherUnit(_ field: String) { #expect(ByteRangeHeader(field) == .none) }

    @Test func ignoresAMissingField() { #expect(ByteRangeHeader(nil) == .none) }

    /// Apache CVE-2011-3192: many overlapping ranges multiplied the work.
    @Test func apacheCVE_2011_3192_overlappingRangesAreRefused() throws {
        let many = "bytes=0-" + (1...16).map { ",5-\($0 + 5)" }.joined()
        #expect(ByteRangeHeader(many) == .tooMany)
        #expect(ByteRangeHeader("bytes=" + String(repeating: "0-,", count: 100_000)) == .tooMany)
        #expect(ByteRangeHeader("bytes=" + String(repeating: ",", count: 100_000)) == .tooMany)
        #expect(ByteRangeHeader("lines=" + String(repeating: "0-,", count: 100_000)) == .none)
        #expect(throws: ProviderError.self) { try [ByteRange.from(0), .bounded(first: 5, last: 5)].parts(size: 10) }
        #expect(throws: ProviderError.self) { try Array(repeating: ByteRange.suffix(5), count: 3).parts(size: 10) }
        #expect(try Array(repeating: ByteRange.suffix(5), count: 2).parts(size: 10) == [5...9, 5...9])
    }

    /// Vapor CVE-2022-31005: `bytes=0-9223372036854775807` ended the process.
    @Test func vaporCVE_2022_31005_rangeOfMaximumIntegerDoesNotTrap() throws {
        let all: ClosedRange<Int64> = 0...(Int64.max - 1)
        guard case .ranges(let ranges) = ByteRangeHeader("bytes=0-9223372036854775807") else { throw NeverHappened() }
        #expect(try ranges.parts(size: 10) == [0...9])
        #expect(try ranges.parts(size: .max) == [all])
        let last = "9223372036854775807-9223372036854775807"
        guard case .ranges(let two) = ByteRangeHeader("bytes=\(last),0-9223372036854775807") else {
            throw NeverHappened()
        }
        #expect(two.first?.resolved(size: .max) == nil)
        #expect(try two.parts(size: .max) == [all])
        #expect(throws: ProviderError.self) { try (ranges + ranges).parts(size: .max) }
    }

    /// nginx CVE-2017-7529: suffixes whose sum overflowed read memory in front of the file.
    @Test func nginxCVE_2017_7529_suffixesBeyondTheFileStayInside() throws {
        let suffix = ByteRangeHeader("bytes=-9223372036854775807")
        #expect(suffix == .ranges([.suffix(.max)]))
        #expect(try [ByteRange.suffix(.max)].parts(size: 10) == [0...9])
        #expect(ByteRangeHeader("bytes=-9223372036854775808") == .none)
        #expect(ByteRangeHeader("bytes=99999999999999999999-") == .none)
        guard case .ranges(let two) = ByteRangeHeader("bytes=-9223372036854775806,-9223372036854775806") else {
            throw NeverHappened()
        }
        #expect(throws: ProviderError.self) { try two.parts(size: 10) }
        #expect(throws: ProviderError.self) { try two.parts(size: .max) }
    }

    @Test func aBodyThatNoNumberCanCountHasNoLength() {
        let parts: [ClosedRange<Int64>] = [0...(Int64.max - 3), (Int64.max - 2)...(Int64.max - 1)]
        let body = MultipartRanges(parts: parts, size: .max, type: "a/b", boundary: "x")
        #expect(body.length == nil)
    }
}
