// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// A part of the configuration that a reload replaces; who reads it keeps what it read.
final class Live<Value: Sendable>: Sendable {
    private let box: NIOLockedValueBox<Value>

    init(_ value: Value) { self.box = NIOLockedValueBox(value) }

    /// The value as it is now.
    var current: Value { self.box.withLockedValue { $0 } }

    /// From now on there is this one.
    func replace(_ value: Value) { self.box.withLockedValue { $0 = value } }
}
