// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes

/// What the head of an answer with bytes says of them, read with overflow checks.
struct ContentAnswer: Hashable, Sendable {
    /// The bytes of this body.
    var length: Int64?
    /// The part of the file that they are.
    var range: ClosedRange<Int64>?
    /// The whole file's size.
    var totalSize: Int64?
    /// The media type, where it says something.
    var mimeType: String?
    /// The strong validator.
    var validator: String?
    /// Whether parts can be had: this is one, or the head says so (RFC 9110, 14.3).
    var hasRanges = false

    /// Reads a 200 or 206 answer.
    ///
    /// Throws `malformedResponse` where its fields cannot be read or contradict each other: bytes that are not what they are
    /// said to be must never be served.
    init(status: Int, headers: HTTPFields) throws(ProviderError) {
        func malformed(_ what: String) -> ProviderError {
            ProviderError(.malformedResponse, message: "The upstream's answer with the bytes \(what).")
        }
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw malformed("is encoded although that was not asked for")
        }
        if let value = headers[.contentLength] {
            guard let length = Self.number(value) else { throw malformed("has an unreadable length") }
            self.length = length
        }
        if status == 206 {
            guard let (range, size) = headers[.contentRange].flatMap(Self.contentRange) else {
                throw malformed("is partial but does not say which part it is")
            }
            let length = range.upperBound - range.lowerBound + 1
            guard self.length ?? length == length else { throw malformed("has another length than its range") }
            (self.length, self.range, self.totalSize) = (length, range, size)
        } else {
            guard status == 200 else { throw malformed("has the status \(status)") }
            self.totalSize = self.length
        }
        let type = headers[.contentType]
        self.mimeType = type?.lowercased().hasPrefix("application/octet-stream") == true ? nil : type
        self.validator = headers[.eTag].flatMap { $0.hasPrefix("\"") ? $0 : nil }
        self.hasRanges = self.range != nil || headers[.acceptRanges]?.lowercased() == "bytes"
    }

    /// The size in `bytes */N`, as a 416 says it.
    static func unsatisfiedSize(_ headers: HTTPFields) -> Int64? {
        guard let value = headers[.contentRange], value.hasPrefix("bytes */") else { return nil }
        return self.number(value.dropFirst(8))
    }

    /// The range and the size, if known, in `bytes a-b/N` or `bytes a-b/*` (RFC 9110, 14.4); `nil` for anything else.
    static func contentRange(_ value: String) -> (ClosedRange<Int64>, Int64?)? {
        guard value.lowercased().hasPrefix("bytes ") else { return nil }
        let halves = value.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = self.number(ends[0]), let last = self.number(ends[1]), first <= last,
            last < .max
        else { return nil }
        if halves[1] == "*" { return (first...last, nil) }
        guard let size = self.number(halves[1]), last < size else { return nil }
        return (first...last, size)
    }

    private static func number(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
