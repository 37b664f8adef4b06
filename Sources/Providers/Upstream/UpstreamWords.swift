// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// An upstream's own words about a failure, made fit to be shown.
struct UpstreamWords: Sendable {
    /// What must never be shown, longest first.
    private let secrets: [Secret]

    /// Words from which `secrets` are removed wherever they stand.
    init(hiding secrets: [Secret]) {
        let texts = Set(secrets).filter { !$0.isEmpty }
        self.secrets = texts.sorted { $0.reveal().utf8.count > $1.reveal().utf8.count }
    }

    /// The sentence in an error body, cleaned; `nil` where there is none, or only a page for people or XML.
    func find(in answer: UpstreamAnswer) -> String? {
        guard !answer.isHTML, !answer.isMarkup else { return nil }
        let words: String?
        if let json = answer.json {
            words = Self.sentence(in: json, depth: 0)
        } else {
            words = String(validating: answer.body.prefix(1024), as: UTF8.self)
        }
        guard let clean = words.map(self.clean), !clean.isEmpty else { return nil }
        return clean
    }

    /// `text` on one line of at most 200 characters, without secrets and without anything that looks like a URL's query.
    func clean(_ text: String) -> String {
        var text = String(text.prefix(4096))
        for secret in self.secrets { text = text.replacing(secret.reveal(), with: "<secret>") }
        let words = text.split(whereSeparator: { $0.isWhitespace || $0.unicodeScalars.contains(where: Self.isHidden) })
        let line = words.map(Self.withoutQuery).joined(separator: " ")
        return line.count <= 200 ? line : String(line.prefix(199)) + "…"
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func withoutQuery(_ word: Substring) -> String {
        if word.contains("://"), word.contains("?") || word.contains("@") { return "<url>" }
        guard let mark = word.firstIndex(of: "?"), word[mark...].contains("=") else { return String(word) }
        return String(word[..<mark]) + "?<query>"
    }

    // `message`, else `error` and `detail`, which may be a text, an object of the same form, or a list of them.
    private static func sentence(in value: JSONValue, depth: Int) -> String? {
        guard depth < 4 else { return nil }
        switch value {
        case .string(let text): return text
        case .array(let values): return values.first.flatMap { self.sentence(in: $0, depth: depth + 1) }
        case .object(let fields):
            for name in ["message", "error", "msg", "detail"] {
                if let inner = fields[name], let text = self.sentence(in: inner, depth: depth + 1), !text.isEmpty {
                    return text
                }
            }
            return nil
        default: return nil
        }
    }
}
