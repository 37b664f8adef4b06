// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The file name in a `Content-Disposition` (RFC 6266); hostile until it was made safe.
enum DispositionName {
    /// The name, `filename*` before `filename`; `nil` where there is none that can be read.
    static func read(_ field: String) -> String? {
        let parameters = self.parameters(field)
        func value(_ name: String) -> String? { parameters.first { $0.name == name }?.value.nonEmpty }
        return value("filename*").flatMap(self.extended) ?? value("filename")
    }

    /// `UTF-8''…` (RFC 8187).
    private static func extended(_ value: String) -> String? {
        let parts = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        return String(parts[2]).removingPercentEncoding
    }

    private static func parameters(_ field: String) -> [(name: String, value: String)] {
        var parts: [String] = [""]
        var isQuoted = false
        var isEscaped = false
        for character in field.unicodeScalars {
            if isEscaped {
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
                continue
            } else if character == "\"" {
                isQuoted.toggle()
                continue
            } else if character == ";", !isQuoted {
                parts.append("")
                continue
            }
            parts[parts.count - 1].unicodeScalars.append(character)
        }
        return parts.dropFirst().compactMap { part in
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else { return nil }
            return (
                sides[0].trimmingCharacters(in: .whitespaces).lowercased(),
                sides[1].trimmingCharacters(in: .whitespaces)
            )
        }
    }
}

extension String {
    /// The text; `nil` where it is empty.
    fileprivate var nonEmpty: String? { self.isEmpty ? nil : self }
}
