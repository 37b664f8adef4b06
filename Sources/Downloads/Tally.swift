// SPDX-License-Identifier: Apache-2.0

/// A ``Counter`` for each case of a closed list.
public final class Tally<Key: Hashable & CaseIterable & Sendable>: Sendable {
    private let counters: [Key: Counter]

    /// Starts with zero for each.
    public init() {
        self.counters = Dictionary(uniqueKeysWithValues: Key.allCases.map { ($0, Counter()) })
    }

    /// Adds one.
    public func add(_ key: Key) { self.counters[key]?.add() }

    /// What was added so far.
    public subscript(_ key: Key) -> Int64 { self.counters[key]?.value ?? 0 }
}
