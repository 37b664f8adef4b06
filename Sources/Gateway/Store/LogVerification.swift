// SPDX-License-Identifier: Apache-2.0

import Downloads
public import Foundation
import GRDB

/// What following the log's chain from end to end has shown.
public struct LogVerification: Sendable {
    /// Something that the gateway did not do.
    public enum Fault: Hashable, Sendable {
        /// The entry is not as it was written.
        case changed(Int64)
        /// The entry follows another one than when it was written, or was changed.
        case misplaced(Int64)
        /// The entries are gone.
        case missing(ClosedRange<Int64>)
        /// The entry was added by another hand.
        case foreign(Int64)
        /// The record of the chain's ends is not as it was written, or gone.
        case record
        /// Nothing fits the master key.
        case key
        /// Up to this entry, the gateway itself found the chain broken.
        case broken(Int64, at: Date)
    }

    /// How many entries are in the chain.
    public let entries: Int
    /// How many are older than it, of which nothing can be said.
    public let unchained: Int
    /// The ids of the oldest and the newest entry of the chain; `nil` where it is empty.
    public let range: (first: String, last: String)?
    /// The first 100 faults.
    public let faults: [Fault]
    /// How many there are.
    public let faultCount: Int

    /// Whether the log is as the gateway wrote it.
    public var isSound: Bool { self.faultCount == 0 }
}

extension LogVerification.Fault: CustomStringConvertible {
    /// What is wrong, in a sentence.
    public var description: String {
        switch self {
        case .changed(let id): "log_\(id) was changed."
        case .misplaced(let id): "log_\(id) follows the wrong one, or was changed."
        case .missing(let ids) where ids.count == 1: "log_\(ids.lowerBound) is missing."
        case .missing(let ids): "log_\(ids.lowerBound) to log_\(ids.upperBound) are missing."
        case .foreign(let id): "log_\(id) was added by another hand."
        case .record: "The record of the chain's ends was changed or removed."
        case .key: "Nothing fits the master key: it is another one than the log was written with, or all was changed."
        case .broken(let id, let time):
            "On \(RFC3339.format(time)) the gateway found the chain broken; up to log_\(id) it proves nothing."
        }
    }
}

extension LogVerification {
    /// Follows the chain in `database`, a snapshot.
    init(_ database: Database, _ chain: LogChain) throws {
        let stored = try LogChainRecord.read(database, chain)
        // Without a record, all there may be is entries from before the chain.
        let none = LogChainRecord.Link(id: 0, hash: chain.origin)
        var walk = LogChainWalk(chain, from: stored?.record ?? LogChainRecord(startId: 0, anchor: none, head: none))
        guard let stored else {
            let newest = "SELECT hash IS NOT NULL FROM log ORDER BY id DESC LIMIT 1"
            if try Bool.fetchOne(database, sql: newest) ?? false { walk.note(.record) }
            let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM log") ?? 0
            self.init(walk, after: none, unchained: count)
            return
        }
        if let id = stored.record.brokenId, let time = Date(milliseconds: stored.record.brokenAt ?? 0) {
            walk.note(.broken(id, at: time))
        }
        if !stored.isSealed { walk.note(.record) }
        let rows = try Row.fetchCursor(database, sql: LogChainWalk.rows)
        while let row = try rows.next() { walk.visit(row) }
        walk.finish(recordIsSealed: stored.isSealed)
        self.init(walk, after: stored.record.anchor, unchained: walk.unchained)
    }

    private init(_ walk: LogChainWalk, after anchor: LogChainRecord.Link, unchained: Int) {
        self.entries = walk.entries
        self.unchained = unchained
        let (first, overflow) = anchor.id.addingReportingOverflow(1)
        let isEmpty = overflow || walk.entries == 0
        self.range = isEmpty ? nil : ("log_\(first)", "log_\(walk.previous.id)")
        self.faults = walk.faults
        self.faultCount = walk.faultCount
    }
}
