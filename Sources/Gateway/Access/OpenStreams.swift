// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The answers under way that go on for long, and what each needs its caller to be allowed.
///
/// ``KeyRing`` has them judged whenever keys have changed.
final class OpenStreams: Sendable {
    private struct Stream: Sendable {
        let caller: Caller
        let needs: @Sendable (Caller) -> Bool
        let cut: @Sendable () -> Void
    }

    private struct State: Sendable {
        var lastID: UInt64 = 0
        var streams: [UInt64: Stream] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// Adds a stream, for ``judge(_:_:)`` and ``remove(_:)``.
    func add(
        _ caller: Caller,
        needs: @escaping @Sendable (Caller) -> Bool,
        cut: @escaping @Sendable () -> Void
    ) -> UInt64 {
        self.state.withLockedValue { state in
            state.lastID &+= 1
            state.streams[state.lastID] = Stream(caller: caller, needs: needs, cut: cut)
            return state.lastID
        }
    }

    /// Forgets a stream; whether it was there.
    @discardableResult
    func remove(_ id: UInt64) -> Bool { self.state.withLockedValue { $0.streams.removeValue(forKey: id) != nil } }

    /// Cuts each stream whose caller is nobody any more, or not what the stream needs; `id`: only that one.
    ///
    /// `standing` is what a caller is by now. It and the streams' closures are called outside of the lock.
    func judge(_ id: UInt64? = nil, _ standing: (Caller) -> Caller?) {
        let judged = self.state.withLockedValue { state in
            guard let id else { return state.streams }
            return state.streams[id].map { [id: $0] } ?? [:]
        }
        for (id, stream) in judged where !(standing(stream.caller).map(stream.needs) ?? false) {
            // Of two that judge at once, one cuts.
            if self.remove(id) { stream.cut() }
        }
    }
}
