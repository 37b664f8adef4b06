// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How many bytes may be kept; `nil`: as many as the disk has room for.
struct WebQuota: Hashable, Sendable {
    /// Of one caller.
    var perKey: Int64?
    /// In all.
    var total: Int64?
}

/// Who keeps how many bytes, and who is about to.
struct WebUsage: Sendable {
    /// Room that was promised to a file that is on its way.
    struct Reservation: Sendable {
        let owner: String
        var bytes: Int64
        /// How many of them are on the disk.
        var written: Int64 = 0
    }

    private(set) var byOwner: [String: Int64] = [:]
    private(set) var reservations: [UUID: Reservation] = [:]

    /// What is kept of one caller, and what was promised to it, but for one file.
    func bytes(of owner: String?, except id: UUID) -> Int64 {
        let kept = owner.map { self.byOwner[$0, default: 0] } ?? self.byOwner.values.reduce(0, Self.sum)
        return self.reservations.reduce(kept) { sum, entry in
            entry.key == id || (owner.map { $0 != entry.value.owner } ?? false) ? sum : Self.sum(sum, entry.value.bytes)
        }
    }

    /// What was promised to others and is not on the disk yet.
    func outstanding(except id: UUID) -> Int64 {
        self.reservations.reduce(0) { sum, entry in
            entry.key == id ? sum : Self.sum(sum, max(0, entry.value.bytes - entry.value.written))
        }
    }

    mutating func reserve(_ bytes: Int64, for id: UUID, of owner: String, written: Int64) {
        self.reservations[id] = Reservation(owner: owner, bytes: bytes, written: written)
    }

    mutating func release(_ id: UUID) { self.reservations[id] = nil }

    mutating func add(_ file: WebFile) { self.byOwner[file.owner, default: 0] += file.size }

    mutating func remove(_ file: WebFile) {
        let left = self.byOwner[file.owner, default: 0] - file.size
        self.byOwner[file.owner] = left > 0 ? left : nil
    }

    /// Sizes are what servers say: their sum must not trap.
    private static func sum(_ first: Int64, _ second: Int64) -> Int64 {
        let (sum, overflows) = first.addingReportingOverflow(second)
        return overflows ? .max : sum
    }
}
