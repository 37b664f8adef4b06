// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Asks identical questions that are in flight at once only once.
///
/// The work runs in a task of its own: a waiter that is cancelled or gives up leaves it running, so that its answer still
/// reaches the catalogue and the other waiters.
final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let flights = NIOLockedValueBox<[Key: Task<Value, Never>]>([:])

    /// Starts `work` for `key`, or joins the work that runs for it.
    ///
    /// `known` is asked where none runs: an answer that came between a caller's own look and this call is not asked for again.
    /// It is called under the lock that work ends under, and must return at once.
    @discardableResult
    func join(
        _ key: Key,
        known: () -> Value? = { nil },
        _ work: @escaping @Sendable () async -> Value
    ) -> Task<Value, Never> {
        self.flights.withLockedValue { flights in
            if let running = flights[key] { return running }
            if let value = known() { return Task { value } }
            let task = Task {
                let value = await work()
                self.flights.withLockedValue { $0[key] = nil }
                return value
            }
            flights[key] = task
            return task
        }
    }

    /// How many questions are in flight.
    var count: Int { self.flights.withLockedValue { $0.count } }
}
