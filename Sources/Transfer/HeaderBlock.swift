// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// The head of an answer, line by line as it comes, with what framing allows checked (RFC 9112).
///
/// libcurl frames by the same lines but is lenient; a contradiction is refused here before a byte of the body counts.
struct HeaderBlock {
    /// What a line meant.
    enum Progress: Equatable {
        /// The head goes on.
        case partial
        /// An interim (1xx) answer ended; another head follows.
        case interim
        /// The final head is complete.
        case complete
    }

    /// The status code, once its line came.
    private(set) var status = 0
    /// The fields so far.
    private(set) var fields = HTTPFields()
    /// Whether the final head is complete; what follows are trailers.
    private(set) var isComplete = false

    private var isVersion11 = false
    private var lines = 0
    private var bytes = 0
    private var length: String?

    /// Caps over all heads of one answer, interim ones and trailers included.
    static let maximumLines = 200
    static let maximumBytes = 64 * 1024

    /// Takes one line with its line end.
    ///
    /// Throws the reason, in words that hold nothing of the line, where the answer must be refused.
    mutating func take(_ line: [UInt8]) throws(Malformed) -> Progress {
        self.lines += 1
        self.bytes += line.count
        guard self.lines <= Self.maximumLines else { throw Malformed("too many header lines") }
        guard self.bytes <= Self.maximumBytes else { throw Malformed("a head that is too large") }
        guard line.suffix(2).elementsEqual([13, 10]) else { throw Malformed("a header line without CRLF") }
        let text = line.dropLast(2)
        guard !text.contains(where: { $0 == 0 || $0 == 13 || $0 == 10 }) else {
            throw Malformed("a control character in a header line")
        }
        if self.isComplete { return .complete }
        if text.isEmpty { return try self.end() }
        if self.status == 0 { try self.readStatus(text) } else { try self.readField(text) }
        return .partial
    }

    /// Gives the fields away, which a long body has no use for.
    mutating func takeFields() -> HTTPFields {
        defer { self.fields = HTTPFields() }
        return self.fields
    }

    /// Whether its connection may be used again (RFC 9112, 9.3).
    var staysConnected: Bool {
        let options = self.fields[values: .connection].flatMap { $0.lowercased().split { ", \t".contains($0) } }
        return self.isVersion11 && !options.contains("close")
    }

    /// The length that the final head names for the body.
    var contentLength: Int? { self.length.flatMap { Int($0) } }

    private mutating func end() throws(Malformed) -> Progress {
        guard self.status != 0 else { throw Malformed("a head without a status line") }
        guard self.status != 101 else { throw Malformed("a switch of protocols that nobody asked for") }
        guard self.status >= 200 else {
            (self.status, self.fields, self.length) = (0, [:], nil)
            return .interim
        }
        if self.length != nil, self.fields.contains(.transferEncoding) {
            throw Malformed("Content-Length beside Transfer-Encoding")
        }
        self.isComplete = true
        return .complete
    }

    private mutating func readStatus(_ text: ArraySlice<UInt8>) throws(Malformed) {
        let parts = text.split(separator: 32, maxSplits: 2, omittingEmptySubsequences: false)
        guard
            parts.count >= 2, parts[0].elementsEqual("HTTP/1.1".utf8) || parts[0].elementsEqual("HTTP/1.0".utf8),
            let status = Self.digits(parts[1]), parts[1].count == 3, status >= 100
        else { throw Malformed("a status line that is none") }
        self.status = status
        self.isVersion11 = parts[0].elementsEqual("HTTP/1.1".utf8)
    }

    private mutating func readField(_ text: ArraySlice<UInt8>) throws(Malformed) {
        guard
            let colon = text.firstIndex(of: UInt8(ascii: ":")),
            // Also refuses a folded line and a space before the colon: neither is a token.
            let name = HTTPField.Name(String(decoding: text[..<colon], as: UTF8.self))
        else { throw Malformed("a header line without a name") }
        let isSpace: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
        let value = text[(colon + 1)...].drop(while: isSpace)
        let end = value.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? value.startIndex
        try self.checkFraming(name, value[..<end])
        self.fields.append(HTTPField(name: name, lenientValue: value[..<end]))
    }

    private mutating func checkFraming(_ name: HTTPField.Name, _ value: ArraySlice<UInt8>) throws(Malformed) {
        if name == .contentLength {
            let text = String(decoding: value, as: UTF8.self)
            guard Self.digits(value) != nil, self.length ?? text == text else {
                throw Malformed("a Content-Length that is no one length")
            }
            self.length = text
        } else if name == .transferEncoding {
            let isChunked = String(decoding: value, as: UTF8.self).lowercased() == "chunked"
            guard isChunked, !self.fields.contains(.transferEncoding) else {
                throw Malformed("a Transfer-Encoding other than chunked")
            }
        }
    }

    /// A decimal number of digits only, that fits.
    private static func digits(_ text: ArraySlice<UInt8>) -> Int? {
        guard !text.isEmpty, text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int(String(decoding: text, as: UTF8.self))
    }
}

/// Why an answer is refused; holds nothing of the answer itself.
struct Malformed: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}
