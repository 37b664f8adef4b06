// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// HTTP/1.1 for a server that may be stopped at any moment.
///
/// A connection that is accepted while the server stops is handed to nobody, and `NIOAsyncChannel` traps where it is let go
/// of unfinished. So each is held from its set-up until somebody finishes it: the server, or ``Unhandled/finish()``.
struct StoppableChannel: ServerChildChannel {
    fileprivate struct State {
        var waiting: [ObjectIdentifier: HTTP1Channel.Value] = [:]
        var isStopped = false
    }

    private let base: HTTP1Channel
    private let state: NIOLockedValueBox<State>

    /// The connections of one server that are not handled yet.
    final class Unhandled: Sendable {
        fileprivate let state = NIOLockedValueBox(State())

        /// Finishes the connections that were handed to nobody, also those that are yet to come.
        func finish() async {
            let waiting = self.state.withLockedValue { state in
                state.isStopped = true
                defer { state.waiting = [:] }
                return Array(state.waiting.values)
            }
            for value in waiting { try? await value.executeThenClose { _, _ in } }
        }
    }

    init(_ base: HTTP1Channel, _ unhandled: Unhandled) {
        self.base = base
        self.state = unhandled.state
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        self.base.setup(channel: channel, logger: logger).map { value in
            let isStopped = self.state.withLockedValue { state in
                if !state.isStopped { state.waiting[ObjectIdentifier(value.channel)] = value }
                return state.isStopped
            }
            if isStopped { Task { try? await value.executeThenClose { _, _ in } } }
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        let isOurs = self.state.withLockedValue { state in
            state.waiting.removeValue(forKey: ObjectIdentifier(value.channel)) != nil
        }
        if isOurs { await self.base.handle(value: value, logger: logger) }
    }
}
