// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOConcurrencyHelpers

/// Tells any number of listeners which downloads changed, at the cost of one.
///
/// It says which, not how: each listener reads them from the ``DownloadLibrary`` as its caller may see them, at its own speed.
/// Of one download only the last change is kept, so that a slow listener misses steps but never an end. Numbers only rise,
/// also over a restart, as long as the clock does.
final class DownloadFeed: Sendable {
    struct Change: Hashable, Sendable {
        /// The change's number: what a listener goes on after.
        let number: Int64
        /// What the public id is made of.
        let reference: DownloadReference
        /// It is gone.
        let isDeletion: Bool
    }

    /// The changes after a number.
    struct News: Sendable {
        /// Each download once, in the order of their last changes.
        var changes: [Change] = []
        /// Nothing was forgotten since then; otherwise the listener must look at everything anew.
        var isComplete = true
        /// Where to go on.
        var last: Int64
    }

    private struct State {
        var changes: [DownloadReference: Change] = [:]
        var last: Int64
        /// Up to where changes may be forgotten.
        var forgotten: Int64
    }

    private let state: NIOLockedValueBox<State>
    private let numbers = NumberFeed()
    private let capacity: Int

    /// Remembers the last changes of about `capacity` downloads.
    init(startingAt time: Date, capacity: Int = 10_000) {
        let start = time.milliseconds * 1000
        self.state = NIOLockedValueBox(State(last: start, forgotten: start))
        self.capacity = max(1, capacity)
    }

    /// The number of the last change so far.
    var last: Int64 { self.state.withLockedValue { $0.last } }

    /// Says that a download changed, or is gone.
    func announce(_ reference: DownloadReference, isDeletion: Bool = false) {
        let number = self.state.withLockedValue { state in
            state.last += 1
            state.changes[reference] = Change(number: state.last, reference: reference, isDeletion: isDeletion)
            if state.changes.count > self.capacity * 2 { Self.forget(&state, keeping: self.capacity) }
            return state.last
        }
        self.numbers.announce(number)
    }

    /// What changed after `number`.
    func news(after number: Int64) -> News {
        self.state.withLockedValue { state in
            let changes = state.changes.values.filter { $0.number > number }.sorted { $0.number < $1.number }
            return News(changes: changes, isComplete: number >= state.forgotten, last: state.last)
        }
    }

    /// The number of the newest change, whenever there is one from now on.
    ///
    /// Only the newest waits for a slow listener. Who drops the stream, or is cancelled, listens no more.
    func wakeups() -> AsyncStream<Int64> { self.numbers.changes() }

    /// How many listen.
    var listenerCount: Int { self.numbers.listenerCount }

    /// Ends every stream.
    func finish() { self.numbers.finish() }

    private static func forget(_ state: inout State, keeping count: Int) {
        let kept = state.changes.values.sorted { $0.number > $1.number }.prefix(count)
        state.forgotten = (kept.last?.number ?? state.last) - 1
        state.changes = Dictionary(kept.map { ($0.reference, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
