// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// An identity that some answers write as a number and others as text.
struct WireID: Decodable, Hashable, Sendable {
    /// As text.
    let text: String

    init(_ text: String) { self.text = text }

    /// As a number, where it is one.
    var number: Int? { Int(self.text) }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            self.text = String(number)
        } else {
            self.text = try container.decode(String.self)
        }
    }
}

/// A count of bytes.
///
/// A fraction is cut off; a text of digits counts; anything else, or a negative one, is unknown.
struct WireSize: Decodable, Hashable, Sendable {
    /// The bytes, where they are known.
    let bytes: Int64?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let value: Int64?
        if let number = try? container.decode(Int64.self) {
            value = number
        } else if let number = try? container.decode(Double.self) {
            // Not `Int64(number)`, which traps outside of its range.
            value = Int64(exactly: number.rounded(.towardZero))
        } else {
            value = (try? container.decode(String.self)).flatMap { Int64($0) }
        }
        self.bytes = value.flatMap { $0 >= 0 ? $0 : nil }
    }
}

/// A moment in any form that upstreams write: RFC 3339 with or without an offset, unix seconds or unix milliseconds.
struct WireTime: Decodable, Hashable, Sendable {
    /// The moment, where it could be read.
    let date: Date?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            self.date = Self.date(unix: number)
        } else {
            let text = try? container.decode(String.self)
            self.date = text.flatMap { RFC3339.parse($0) ?? Double($0).flatMap(Self.date(unix:)) }
        }
    }

    /// A number above 10^11 is milliseconds: as seconds it would lie beyond the year 5000.
    static func date(unix number: Double) -> Date? {
        guard number.isFinite, number > 0, number < 1e14 else { return nil }
        return Date(timeIntervalSince1970: number > 1e11 ? number / 1000 : number)
    }
}

/// A field whose wrong type is no reason to lose the item that it is in.
struct Lenient<Value: Decodable & Sendable>: Decodable, Sendable {
    /// The value, where it has the documented type.
    let value: Value?

    init(from decoder: any Decoder) throws { self.value = try? Value(from: decoder) }
}

extension [String: JSONValue] {
    /// Adds the fields that are there, for ``Download/native``.
    init(known fields: [(name: String, value: JSONValue?)]) {
        self.init(
            fields.compactMap { field in field.value.map { (field.name, $0) } },
            uniquingKeysWith: { first, _ in first }
        )
    }
}

extension String? {
    /// This text, unless it is empty.
    var nonEmpty: String? { self.flatMap { $0.isEmpty ? nil : $0 } }
}
