// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Comma-separated values (RFC 4180).
enum CSV {
    /// One line with its end; `nil` is an empty field.
    ///
    /// A text that a spreadsheet would run as a formula gets an apostrophe in front, since names come from the wild.
    static func line(_ fields: [String?]) -> String {
        fields.map { field in
            guard var text = field else { return "" }
            if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) { text = "'" + text }
            guard text.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return text }
            return "\"" + text.replacing("\"", with: "\"\"") + "\""
        }
        .joined(separator: ",") + "\r\n"
    }
}
