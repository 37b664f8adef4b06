// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file of a zip, as far as it is known before its bytes.
struct ZipMember: Hashable, Sendable {
    /// Relative, with `/` between its parts; at most 65,535 bytes of UTF-8.
    let path: String
    /// Its bytes; `nil` where nobody knows yet.
    let size: Int64?
    /// `nil` where nobody knows.
    let modifiedAt: Date?

    /// Whether its sizes need, or may need, the 64 bits of ZIP64.
    var isWide: Bool { self.size.map { $0 >= ZipWriter.wide } ?? true }
}
