// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOConcurrencyHelpers

/// What a server answered to the start of a transfer, once it did; asked for between polls.
final class StartAnswer: Sendable {
    private let box = NIOLockedValueBox<Result<String?, ProviderError>?>(nil)

    var value: Result<String?, ProviderError>? { self.box.withLockedValue { $0 } }

    func set(_ answer: Result<String?, ProviderError>) { self.box.withLockedValue { $0 = answer } }
}
