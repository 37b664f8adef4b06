// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// What became of a start, once that is known; asked for between polls.
final class StartAnswer: Sendable {
    private let box: NIOLockedValueBox<HoodyAPI.Start?>

    init(_ answer: HoodyAPI.Start? = nil) { self.box = NIOLockedValueBox(answer) }

    var value: HoodyAPI.Start? { self.box.withLockedValue { $0 } }

    func set(_ answer: HoodyAPI.Start) { self.box.withLockedValue { $0 = answer } }
}
