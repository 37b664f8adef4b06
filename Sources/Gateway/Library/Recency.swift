// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How recent what is known has to be for an answer.
enum Recency: Hashable, Sendable {
    /// As the configuration has it; what is slow or down is stood in for.
    case usual
    /// At most so many seconds old: who watches shares each look at an upstream with all others who do.
    case within(TimeInterval)
    /// Asked anew for this answer (`Cache-Control: no-cache`).
    case anew

    /// Whether what is `age` seconds old will do, where `freshFor` is usual.
    func accepts(age: TimeInterval, freshFor: TimeInterval) -> Bool {
        switch self {
        case .usual: age <= freshFor
        case .within(let limit): age <= limit
        case .anew: false
        }
    }
}
