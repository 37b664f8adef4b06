// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Reads JSON (RFC 8259) that two readers could not understand differently.
///
/// Refused besides what is no JSON: a member named twice, nesting deeper than 32, a lone surrogate, bytes that are no
/// UTF-8, a number that fits neither 64 bits nor a finite double, and anything after the value.
struct StrictJSON {
    /// The text is not such JSON.
    struct Refusal: Error {}

    private let bytes: [UInt8]
    private var position = 0

    /// The value that `bytes` are; `nil` where they are refused.
    static func parse(_ bytes: [UInt8]) -> JSONValue? {
        var reader = StrictJSON(bytes: bytes)
        guard let value = try? reader.value(depth: 0) else { return nil }
        reader.skipSpace()
        return reader.position == bytes.count ? value : nil
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func skipSpace() {
        while let byte = self.next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { self.position += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        self.skipSpace()
        guard let byte = self.next, UInt32(byte) == character.value else { return false }
        self.position += 1
        return true
    }

    private mutating func value(depth: Int) throws(Refusal) -> JSONValue {
        guard depth <= 32 else { throw Refusal() }
        if self.skip("{") { return try self.object(depth: depth) }
        if self.skip("[") { return try self.array(depth: depth) }
        if self.skip("\"") { return .string(try self.string()) }
        if self.skip(word: "true") { return .bool(true) }
        if self.skip(word: "false") { return .bool(false) }
        if self.skip(word: "null") { return .null }
        return try self.number()
    }

    private mutating func skip(word: StaticString) -> Bool {
        let matches = word.withUTF8Buffer { self.bytes[self.position...].starts(with: $0) }
        if matches { self.position += word.utf8CodeUnitCount }
        return matches
    }

    private mutating func object(depth: Int) throws(Refusal) -> JSONValue {
        var members: [String: JSONValue] = [:]
        if self.skip("}") { return .object(members) }
        repeat {
            guard self.skip("\"") else { throw Refusal() }
            let name = try self.string()
            guard members[name] == nil, self.skip(":") else { throw Refusal() }
            members[name] = try self.value(depth: depth + 1)
        } while self.skip(",")
        guard self.skip("}") else { throw Refusal() }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(Refusal) -> JSONValue {
        var elements: [JSONValue] = []
        if self.skip("]") { return .array(elements) }
        repeat { elements.append(try self.value(depth: depth + 1)) } while self.skip(",")
        guard self.skip("]") else { throw Refusal() }
        return .array(elements)
    }

    /// The rest of a string whose opening quote was read.
    private mutating func string() throws(Refusal) -> String {
        var text: [UInt8] = []
        while let byte = self.next {
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw Refusal() }
                return string
            case UInt8(ascii: "\\"): text.append(contentsOf: String(try self.escape()).utf8)
            case 0..<0x20: throw Refusal()
            default: text.append(byte)
            }
        }
        throw Refusal()
    }

    private mutating func escape() throws(Refusal) -> Unicode.Scalar {
        guard let byte = self.next else { throw Refusal() }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try self.unicodeEscape()
        default: throw Refusal()
        }
    }

    private mutating func unicodeEscape() throws(Refusal) -> Unicode.Scalar {
        let first = try self.hexadecimal()
        // Only a high surrogate may need a second half; a low one alone is no scalar.
        guard (0xD800...0xDBFF).contains(first) else { return try Self.scalar(first) }
        guard self.skip(word: "\\u") else { throw Refusal() }
        let second = try self.hexadecimal()
        guard (0xDC00...0xDFFF).contains(second) else { throw Refusal() }
        return try Self.scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private static func scalar(_ value: UInt32) throws(Refusal) -> Unicode.Scalar {
        guard let scalar = Unicode.Scalar(value) else { throw Refusal() }
        return scalar
    }

    private mutating func hexadecimal() throws(Refusal) -> UInt32 {
        let digits = self.bytes[self.position...].prefix(4)
        let isHexadecimal = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
        guard digits.count == 4, isHexadecimal, let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw Refusal() }
        self.position += 4
        return value
    }

    private mutating func number() throws(Refusal) -> JSONValue {
        self.skipSpace()
        let rest = self.bytes[self.position...]
        let text = String(decoding: rest.prefix { Self.numberBytes.contains($0) }.prefix(64), as: UTF8.self)
        // The grammar of RFC 8259, 6: no leading zero or plus, digits on both sides of the point.
        guard text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil else { throw Refusal() }
        self.position += text.utf8.count
        if let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw Refusal() }
        return .number(number)
    }

    private static let numberBytes = Set("0123456789+-.eE".utf8)
}
