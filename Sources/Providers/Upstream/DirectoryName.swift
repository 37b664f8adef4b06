// SPDX-License-Identifier: Apache-2.0

import Downloads

/// The directory that a caller names: how files are grouped, never a path that is opened.
enum DirectoryName {
    /// `text` without slashes at its ends; `nil` for the top.
    ///
    /// Throws `invalidRequest` for what could be taken for a way out: dot segments, backslashes, empty parts.
    static func read(_ text: String?) throws(ProviderError) -> String? {
        guard let text else { return nil }
        // On scalars: as characters, "/" with a combining mark after it would not be a "/".
        var rest = text.unicodeScalars[...]
        while rest.first == "/" { rest.removeFirst() }
        while rest.last == "/" { rest.removeLast() }
        guard !rest.isEmpty else { return nil }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard rest.count <= 1024, parts.allSatisfy({ $0 == SafeFilename.make(from: $0) }) else {
            throw .invalid(
                "directory",
                "The field 'directory' must be names with slashes between them, without '.', '..' and '\\'."
            )
        }
        return String(rest)
    }
}
