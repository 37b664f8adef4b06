// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The right to have one more request under way.
///
/// It is given back once: by ``release()``, or when it is dropped.
final class ConcurrencyPermit: Sendable {
    private let onRelease: NIOLockedValueBox<(@Sendable () -> Void)?>

    init(onRelease: @escaping @Sendable () -> Void) { self.onRelease = NIOLockedValueBox(onRelease) }

    /// Gives it back; from the second time on, nothing happens.
    func release() {
        let action = self.onRelease.withLockedValue { action in
            defer { action = nil }
            return action
        }
        action?()
    }

    deinit { self.release() }
}
