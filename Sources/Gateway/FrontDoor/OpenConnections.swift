// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import NIOCore
import NIOExtras

/// The connections that are open: admits them by number, and tells them when the gateway stops.
final class OpenConnections: Sendable {
    /// Whose connections are counted together: one IPv4 address, or an IPv6 network of /64, which is one customer's.
    private struct Neighbourhood: Hashable {
        let bytes: [UInt8]

        init(_ address: IPAddress) {
            self.bytes = address.bytes.count == 16 ? Array(address.bytes.prefix(8)) : address.bytes
        }
    }

    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var neighbours: [Neighbourhood: Int] = [:]
        var isDraining = false
    }

    private let counts: FrontDoorCounts
    private let state = NIOLockedValueBox(State())

    init(counts: FrontDoorCounts) { self.counts = counts }

    /// Whether no new request is wanted: an answer says `Connection: close`.
    var isDraining: Bool { self.state.withLockedValue { $0.isDraining } }

    /// How many are open.
    var count: Int { self.state.withLockedValue { $0.channels.count } }

    /// Takes a connection in until it closes, or says why not.
    ///
    /// Trusted proxies bring many callers each, and are held to the number in all only.
    func admit(_ channel: any Channel, _ server: Configuration.Server, _ proxies: TrustedProxies) -> FrontDoorRefusal? {
        let address = channel.remoteAddress.flatMap { IPAddress($0) }
        let neighbourhood = address.flatMap { proxies.isTrusted($0) ? nil : Neighbourhood($0) }
        let id = ObjectIdentifier(channel)
        let refusal: FrontDoorRefusal? = self.state.withLockedValue { state in
            guard state.channels.count < server.maxConnections else { return .connections }
            if let neighbourhood {
                guard state.neighbours[neighbourhood, default: 0] < server.maxConnectionsPerAddress else {
                    return .connectionsOfAddress
                }
                state.neighbours[neighbourhood, default: 0] += 1
            }
            state.channels[id] = channel
            return nil
        }
        if let refusal {
            self.counts.refused(refusal)
            return refusal
        }
        self.counts.connectionOpened()
        channel.closeFuture.whenComplete { _ in self.remove(id, neighbourhood) }
        return nil
    }

    private func remove(_ id: ObjectIdentifier, _ neighbourhood: Neighbourhood?) {
        self.state.withLockedValue { state in
            state.channels[id] = nil
            guard let neighbourhood, let count = state.neighbours[neighbourhood] else { return }
            state.neighbours[neighbourhood] = count > 1 ? count - 1 : nil
        }
        self.counts.connectionClosed()
    }

    /// Has every connection close after the request that it is at, or that is on its way.
    func drain() {
        let channels = self.state.withLockedValue { state in
            state.isDraining = true
            return state.channels.values
        }
        for channel in channels { Self.quiesce(channel) }
    }

    /// Tells a connection whose handlers came into place after ``drain()``.
    func ready(_ channel: any Channel) { if self.isDraining { Self.quiesce(channel) } }

    /// Closes every connection, whatever it is at.
    func closeAll() {
        let channels = self.state.withLockedValue { $0.channels.values }
        for channel in channels { channel.close(promise: nil) }
    }

    private static func quiesce(_ channel: any Channel) {
        channel.eventLoop.execute { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }
}
