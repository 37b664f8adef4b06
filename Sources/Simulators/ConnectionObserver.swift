// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import NIOCore

/// The connections of a listener.
final class OpenConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var accepted = 0
    }

    private let state = NIOLockedValueBox(State())

    var count: Int { self.state.withLockedValue { $0.channels.count } }
    var accepted: Int { self.state.withLockedValue { $0.accepted } }

    func opened(_ channel: any Channel) {
        self.state.withLockedValue {
            $0.channels[ObjectIdentifier(channel)] = channel
            $0.accepted += 1
        }
    }

    func closed(_ channel: any Channel) {
        self.state.withLockedValue { _ = $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func closeAll() {
        for channel in self.state.withLockedValue({ Array($0.channels.values) }) { channel.close(promise: nil) }
    }
}

/// Counts a connection, and closes it when its peer has: a simulator that waits or stalls would not see it otherwise.
final class ConnectionObserver: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = Any

    private let open: OpenConnections

    init(_ open: OpenConnections) { self.open = open }

    func handlerAdded(context: ChannelHandlerContext) { self.open.opened(context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) { self.open.closed(context.channel) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if case .some(.inputClosed) = event as? ChannelEvent { context.close(promise: nil) }
    }
}
