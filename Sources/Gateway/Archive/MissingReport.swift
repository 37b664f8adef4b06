// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// Something that belongs into an archive and is not in it.
struct MissingItem: Sendable {
    /// A file's path in the archive or its name, or `provider NAME`.
    let name: String
    /// The download's id; `nil` for a provider.
    let id: String?
    let error: ProviderError
}

/// The last member of an archive that something is missing from: a line for each.
struct MissingReport {
    static let path = "MISSING.txt"

    private let items: [MissingItem]

    init(_ items: [MissingItem]) { self.items = items }

    /// UTF-8 text: a heading, then code, name, id and reason between tabs.
    var text: ByteBuffer {
        var text = ByteBuffer(string: "Missing from this archive: code, file, id, reason\n")
        for item in self.items {
            let problem = Problem(item.error)
            let fields = [problem.code.rawValue, item.name, item.id ?? "-", problem.detail]
            text.writeString(fields.map(Self.plain).joined(separator: "\t") + "\n")
        }
        return text
    }

    /// One line without a tab: the words of an upstream are among them.
    private static func plain(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: " "
            default: scalar
            }
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
