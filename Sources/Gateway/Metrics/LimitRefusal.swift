// SPDX-License-Identifier: Apache-2.0

/// Which limit refused a request, as `/metrics` names it.
enum LimitRefusal: String, CaseIterable {
    case requests, concurrent, crowded, bytes

    init(_ refusal: RateLimiter.Decision.Refusal) {
        switch refusal {
        case .requests: self = .requests
        case .concurrent: self = .concurrent
        case .crowded: self = .crowded
        }
    }
}
