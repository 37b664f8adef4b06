// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Holds the bytes of a body against the length that was promised, so that a short or a long one is never taken for whole.
struct PromisedLength {
    private var missing: Int64?

    /// Counts down from `length`; `nil`: nothing was promised.
    init(_ length: Int64?) { self.missing = length }

    /// Whether all that was promised came.
    var isKept: Bool { self.missing == 0 }

    /// Takes the next `count` bytes, or the end (`nil`).
    mutating func take(_ count: Int?) throws(ProviderError) {
        guard let missing else { return }
        guard let count else {
            guard missing == 0 else {
                throw ProviderError(
                    .unavailable,
                    retry: .now,
                    message: "The upstream's bytes ended \(missing) too early."
                )
            }
            return
        }
        guard count <= missing else {
            throw ProviderError(.malformedResponse, message: "The upstream sent more bytes than it promised.")
        }
        self.missing = missing - Int64(count)
    }
}
