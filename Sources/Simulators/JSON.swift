// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// JSON as the simulators write it.
enum JSON: Sendable, Encodable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    case null
    case bool(Bool)
    case int(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int64) { self = .int(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) { self = .object(Dictionary(elements) { $1 }) }
    init(nilLiteral: ()) { self = .null }

    static func int(_ value: Int) -> JSON { .int(Int64(value)) }

    /// An object without the fields that a file lacks.
    static func object(_ fields: [String: JSON], without missing: Set<String>) -> JSON {
        .object(fields.filter { !missing.contains($0.key) })
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    var encoded: ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Only a number that is not finite could fail, and the simulators have none.
        return ByteBuffer(bytes: (try? encoder.encode(self)) ?? Data("null".utf8))
    }
}

extension Date {
    /// `2025-01-18T03:34:56.043Z`.
    var iso8601: String { self.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
    /// `2026-02-05T10:10:22Z`.
    var iso8601Seconds: String { self.formatted(.iso8601) }
    /// Unix time in seconds.
    var unixSeconds: Int64 { Int64(self.timeIntervalSince1970) }
    /// Unix time in milliseconds.
    var unixMilliseconds: Int64 { Int64((self.timeIntervalSince1970 * 1000).rounded()) }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    var httpDate: String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: self)
    }

    /// Reads ISO 8601 with or without a fraction; without an offset it is UTC.
    init?(iso8601 text: String) {
        let hasZone = text.hasSuffix("Z") || text.dropFirst(10).contains("+") || text.dropFirst(10).contains("-")
        let zoned = hasZone ? text : text + "Z"
        let styles = [Date.ISO8601FormatStyle(includingFractionalSeconds: true), Date.ISO8601FormatStyle()]
        guard let date = styles.lazy.compactMap({ try? $0.parse(zoned) }).first else { return nil }
        self = date
    }
}

extension String {
    /// With `%41` read; text that is no UTF-8 afterwards stays as it came.
    ///
    /// Not Foundation's, which drops a byte order mark.
    var percentDecoded: String {
        let bytes = Array(self.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(validating: decoded, as: UTF8.self) ?? self
    }

    /// Byte by byte: `==` takes a composed letter for a decomposed one, which are two names to any vendor.
    func isExactly(_ other: String) -> Bool { self.utf8.elementsEqual(other.utf8) }

    /// Byte by byte: `hasPrefix` does not find a slash that a combining mark follows.
    func startsExactly(with start: String) -> Bool { self.utf8.starts(with: start.utf8) }

    /// As one part of a path; the unreserved characters stay.
    var percentEncoded: String {
        var allowed = CharacterSet.alphanumerics
        allowed.formIntersection(CharacterSet(charactersIn: Unicode.Scalar(0)...Unicode.Scalar(127)))
        allowed.insert(charactersIn: "-._~")
        return self.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}

extension Sequence<UInt8> {
    /// Two lower-case digits for each byte.
    var hex: String { self.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
