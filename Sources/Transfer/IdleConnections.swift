// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Connections that carried a relayed answer to its end, and wait for the next request to the same upstream.
///
/// Each is a socket that is owned here, until it is taken or closed.
struct IdleConnections: ~Copyable {
    private struct Connection {
        let socket: CInt
        let peer: SocketEnd
        let since: ContinuousClock.Instant
    }

    /// The oldest first.
    private var connections: [Connection] = []

    /// Beyond it the oldest is closed.
    static let most = 16
    /// After that time somebody on the way may have forgotten it: what is sent then is never answered.
    static let longest = Duration.seconds(60)

    deinit {
        for connection in self.connections { close(connection.socket) }
    }

    /// Keeps a connection from `now` on; it is closed where it has no peer.
    mutating func keep(_ socket: CInt, _ now: ContinuousClock.Instant) {
        guard let ends = ConnectionEnds(of: socket) else {
            close(socket)
            return
        }
        self.connections.append(Connection(socket: socket, peer: ends.peer, since: now))
        self.sweep(now)
    }

    /// The youngest connection to `peer` on which nothing has come, not its end either.
    mutating func take(to peer: SocketEnd, _ now: ContinuousClock.Instant) -> CInt? {
        self.sweep(now)
        return self.connections.lastIndex { $0.peer == peer }.map { self.connections.remove(at: $0).socket }
    }

    /// Closes all of them.
    mutating func closeAll() {
        for connection in self.connections { close(connection.socket) }
        self.connections = []
    }

    /// Closes what is too old, has ended, has bytes that nobody asked for, or is too much.
    private mutating func sweep(_ now: ContinuousClock.Instant) {
        guard !self.connections.isEmpty else { return }
        var states = self.connections.map { pollfd(fd: $0.socket, events: Int16(POLLIN), revents: 0) }
        _ = unsafe poll(&states, nfds_t(states.count), 0)
        var kept: [Connection] = []
        for (connection, state) in zip(self.connections, states).reversed() {
            if state.revents == 0, connection.since + Self.longest > now, kept.count < Self.most {
                kept.append(connection)
            } else {
                close(connection.socket)
            }
        }
        self.connections = kept.reversed()
    }
}
