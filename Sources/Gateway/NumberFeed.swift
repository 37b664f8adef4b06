// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Tells any number of listeners how far something has grown that counts its entries or changes.
///
/// It says how far, not with what: each listener reads that from its source at its own speed.
final class NumberFeed: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<Int64>.Continuation] = [:]
        var next = 0
    }

    private let state = NIOLockedValueBox(State())

    /// The newest number, whenever it changes from now on.
    ///
    /// Only the newest one waits for a slow listener. Who drops the stream, or is cancelled, listens no more.
    func changes() -> AsyncStream<Int64> {
        let (stream, listener) = AsyncStream.makeStream(of: Int64.self, bufferingPolicy: .bufferingNewest(1))
        let number = self.state.withLockedValue { state in
            state.next += 1
            state.listeners[state.next] = listener
            return state.next
        }
        listener.onTermination = { [weak self] _ in
            // Dropped outside of the lock: the end of a continuation runs code of others.
            _ = self?.state.withLockedValue { $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    /// How many listen.
    var listenerCount: Int { self.state.withLockedValue { $0.listeners.count } }

    /// Says that all up to `id` can be read.
    func announce(_ id: Int64) {
        let listeners = self.state.withLockedValue { Array($0.listeners.values) }
        for listener in listeners { listener.yield(id) }
    }

    /// Ends every stream.
    func finish() {
        let listeners = self.state.withLockedValue { Array($0.listeners.values) }
        for listener in listeners { listener.finish() }
    }
}
