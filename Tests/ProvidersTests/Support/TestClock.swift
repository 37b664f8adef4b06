// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOConcurrencyHelpers

/// A time that stands still until a test moves it.
final class TestClock: Sendable {
    private let date: NIOLockedValueBox<Date>

    /// Starts at 2026-01-01T00:00:00Z.
    init(_ begin: Date = Date(timeIntervalSince1970: 1_767_225_600)) { self.date = NIOLockedValueBox(begin) }

    var now: Date { self.date.withLockedValue { $0 } }

    func advance(by seconds: TimeInterval) { self.date.withLockedValue { $0 += seconds } }
}
