// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Why the front door turned something away.
public enum FrontDoorRefusal: String, CaseIterable, Sendable {
    /// A connection beyond `server.maxConnections`.
    case connections = "connections"
    /// A connection beyond `server.maxConnectionsPerAddress`.
    case connectionsOfAddress = "connections_of_address"
    /// TLS was not agreed on in time, or not at all.
    case handshake = "handshake"
    /// No byte of a first request within `server.idleTimeout`, or no whole head within `server.headerTimeout`.
    case slowHead = "slow_head"
    /// A body slower than `server.minBodyRate`.
    case slowBody = "slow_body"
    /// What is no HTTP request, or wants to be two.
    case malformed = "malformed"
    /// What broke the rules or bounds of HTTP/2, and ended its connection.
    case brokenHTTP2 = "broken_http2"
    /// A head beyond `server.maxHeaderBytes` or `server.maxHeaders`.
    case largeHead = "large_head"
    /// A target beyond `server.maxTargetBytes`.
    case longTarget = "long_target"
    /// A request beyond `server.maxInFlight`.
    case overloaded = "overloaded"
}

/// What goes through the front door and what it turned away, since the start.
public final class FrontDoorCounts: Sendable {
    /// The counts of one moment.
    public struct Snapshot: Sendable {
        /// Connections that are open now.
        public internal(set) var connections = 0
        /// Connections since the start.
        public internal(set) var connectionsTotal = 0
        /// Requests that are under way now, a body until its last byte; those for health are not among them.
        public internal(set) var requests = 0
        /// Requests since the start that were answered with a prepared answer.
        public internal(set) var prepared = 0
        /// How often something was turned away since the start, for each reason.
        public internal(set) var refusals: [FrontDoorRefusal: Int] = [:]
    }

    private let box = NIOLockedValueBox(Snapshot())

    /// Starts from nothing.
    public init() {}

    /// The counts as they are now.
    public var snapshot: Snapshot { self.box.withLockedValue { $0 } }

    func refused(_ reason: FrontDoorRefusal) { self.box.withLockedValue { $0.refusals[reason, default: 0] += 1 } }

    func prepared() { self.box.withLockedValue { $0.prepared += 1 } }

    func connectionOpened() {
        self.box.withLockedValue {
            $0.connections += 1
            $0.connectionsTotal += 1
        }
    }

    func connectionClosed() { self.box.withLockedValue { $0.connections -= 1 } }

    /// A place for one more request, of `limit`; `nil` where there is none, which is counted unless it is no refusal yet.
    func admit(limit: Int, countsRefusal: Bool = true) -> ConcurrencyPermit? {
        let isAdmitted = self.box.withLockedValue { counts in
            guard counts.requests < limit else {
                if countsRefusal { counts.refusals[.overloaded, default: 0] += 1 }
                return false
            }
            counts.requests += 1
            return true
        }
        guard isAdmitted else { return nil }
        return ConcurrencyPermit { self.box.withLockedValue { $0.requests -= 1 } }
    }
}
