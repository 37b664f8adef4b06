// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers

/// The `Date` of answers, made once a second.
final class DateField: Sendable {
    private let now: @Sendable () -> Date
    private let box = NIOLockedValueBox<(second: Double, text: String)>((-.infinity, ""))

    init(now: @escaping @Sendable () -> Date) { self.now = now }

    var current: String {
        let time = self.now()
        let second = time.timeIntervalSince1970.rounded(.down)
        return self.box.withLockedValue { box in
            if box.second != second { box = (second, HTTPDate.format(time)) }
            return box.text
        }
    }
}
