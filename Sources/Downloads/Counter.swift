// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A number that many tasks add to; adding costs one atomic addition.
public final class Counter: Sendable {
    private let count = Atomic<Int64>(0)

    /// Starts at zero.
    public init() {}

    /// What was added so far.
    public var value: Int64 { self.count.load(ordering: .relaxed) }

    /// Adds; a negative amount for a number that also sinks.
    public func add(_ amount: Int64 = 1) { self.count.wrappingAdd(amount, ordering: .relaxed) }
}
