// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// A part of the configuration that a reload replaces; who reads it keeps what it read.
final class Live<Value: Sendable>: Sendable {
    private let box: NIOLockedValueBox<(value: Value, changes: Int)>

    init(_ value: Value) { self.box = NIOLockedValueBox((value, 0)) }

    /// The value as it is now.
    var current: Value { self.box.withLockedValue { $0.value } }

    /// How often it was replaced.
    var changes: Int { self.box.withLockedValue { $0.changes } }

    /// From now on there is this one.
    func replace(_ value: Value) { self.box.withLockedValue { $0 = (value, $0.changes + 1) } }
}
