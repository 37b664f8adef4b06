// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What changes when a file does.
public struct FileStamp: Hashable, Sendable {
    private let changed: Date?
    private let size: UInt64?
    private let number: UInt64?

    /// Looks at the file that a path leads to, over links; `nil` where there is none.
    public init?(_ path: String) {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let facts = try? FileManager.default.attributesOfItem(atPath: target) else { return nil }
        self.changed = facts[.modificationDate] as? Date
        self.size = facts[.size] as? UInt64
        self.number = facts[.systemFileNumber] as? UInt64
    }
}
