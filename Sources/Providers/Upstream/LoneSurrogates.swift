// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Halves of characters in JSON, as `"\ud83d.txt"`.
///
/// What cuts a name in the middle of an emoji writes them, and so does who names a file in no encoding at all. Decoders refuse
/// all of a text with one, and with it a list of files for the name of one.
enum LoneSurrogates {
    /// Decodes `json`; where that fails, once more with U+FFFD in the place of each half.
    ///
    /// Throws what the first decoding threw where there is none.
    static func mending<Value>(_ json: Data, decode: (Data) throws -> Value) throws -> Value {
        do {
            return try decode(json)
        } catch {
            guard let mended = Self.replacing(in: json) else { throw error }
            return try decode(mended)
        }
    }

    /// `nil` where there is none.
    private static func replacing(in json: Data) -> Data? {
        let bytes = [UInt8](json)
        var mended = bytes
        var found = false
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            guard let unit = Self.unit(in: bytes, at: index) else {
                // Another escape, of two bytes.
                index += 2
                continue
            }
            if (0xD800...0xDBFF).contains(unit), let next = Self.unit(in: bytes, at: index + 6),
                (0xDC00...0xDFFF).contains(next)
            {
                index += 12
                continue
            }
            if (0xD800...0xDFFF).contains(unit) {
                mended.replaceSubrange(index + 2..<index + 6, with: "fffd".utf8)
                found = true
            }
            index += 6
        }
        return found ? Data(mended) : nil
    }

    /// The code unit of an escape `\uXXXX` that begins at `index`; `nil` where none does.
    private static func unit(in bytes: [UInt8], at index: Int) -> UInt16? {
        guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
            return nil
        }
        let digits = String(decoding: bytes[index + 2..<index + 6], as: UTF8.self)
        return digits.utf8.allSatisfy { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }
            ? UInt16(digits, radix: 16) : nil
    }
}
