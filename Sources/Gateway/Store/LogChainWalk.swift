// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// Follows the chain from row to row, in bounded memory.
struct LogChainWalk {
    /// Rows in the order that they are visited in, for ``visit(_:)``.
    static let rows = "SELECT \(LogRecord.columns.joined(separator: ", ")), hash FROM log ORDER BY id"

    private let chain: LogChain
    private let record: LogChainRecord
    /// The newest link so far.
    private(set) var previous: LogChainRecord.Link
    private(set) var entries = 0
    private(set) var unchained = 0
    /// How many of ``entries`` do not fit their hash.
    private var unsound = 0
    private(set) var faultCount = 0
    /// The first of them.
    private(set) var faults: [LogVerification.Fault] = []
    /// After a fault, the next row may be blameless.
    private var isAfterFault = false

    init(_ chain: LogChain, from record: LogChainRecord) {
        self.chain = chain
        self.record = record
        self.previous = record.anchor
    }

    /// Notes a fault; the first 100 are named.
    mutating func note(_ fault: LogVerification.Fault) {
        self.faultCount += 1
        if self.faults.count < 100 { self.faults.append(fault) }
    }

    /// Looks at the next row of ``rows``.
    mutating func visit(_ row: Row) {
        let id = Int64.fromDatabaseValue(row[0]) ?? 0
        let hash = Data.fromDatabaseValue(row[LogRecord.columns.count])
        guard id > self.record.anchor.id else { return self.visitBeforeAnchor(id, hash) }
        self.entries += 1
        guard id <= self.record.head.id else { return self.note(.foreign(id)) }
        if id - 1 > self.previous.id {
            self.note(.missing(self.previous.id + 1...id - 1))
            self.isAfterFault = true
        }
        let expected = self.chain.hash(of: row.databaseValues.dropLast(), after: self.previous.hash)
        let isSound = hash == expected
        if !isSound {
            self.unsound += 1
            self.note(self.isAfterFault ? .misplaced(id) : .changed(id))
        }
        self.isAfterFault = !isSound
        self.previous = LogChainRecord.Link(id: id, hash: hash ?? self.previous.hash)
    }

    /// In front of the chain there may only be what was written before there was one, or before it began anew.
    private mutating func visitBeforeAnchor(_ id: Int64, _ hash: Data?) {
        let isOlderThanChain = hash == nil && id <= self.record.startId && self.record.anchor.id == self.record.startId
        guard isOlderThanChain || id <= self.record.brokenId ?? .min else { return self.note(.foreign(id)) }
        self.unchained += 1
    }

    /// Looks at the chain's end, after the last row.
    mutating func finish(recordIsSealed: Bool) {
        guard recordIsSealed || self.unsound == 0 || self.unsound < self.entries else {
            // Neither the seal nor a single hash is right: to name every entry would say less.
            (self.faults, self.faultCount) = ([.key], 1)
            return
        }
        if self.previous.id < self.record.head.id {
            self.note(.missing(self.previous.id + 1...self.record.head.id))
        } else if self.previous != self.record.head, !self.isAfterFault {
            self.note(.record)
        }
    }
}
