// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// An upstream on loopback that behaves as its vendor's documentation says, and breaks down on request.
public protocol Simulator: Sendable {
    /// What it holds; may be changed while it runs.
    var library: SimulatedLibrary { get }
    /// Where its API listens.
    var server: SimulatorServer { get }
    /// Where its presigned links point to, another origin; `nil` for a vendor without.
    var storage: SimulatorServer? { get }
    /// The credentials that it knows.
    var keys: SimulatedKeys { get }
}

extension Simulator {
    /// What it accepts from the start, by the field names that our configuration has for this kind.
    public var credentials: [String: String] { self.keys.first }
    /// `http://127.0.0.1:port`.
    public var baseURL: String { self.server.baseURL }
    /// Every request that the API saw, in order.
    public var requests: [SimulatedRequest] { self.server.requests }
    /// The faults of the API.
    public var faults: SimulatorFaults { self.server.faults }
    /// All listeners.
    public var listeners: [SimulatorServer] { [self.server] + (self.storage.map { [$0] } ?? []) }
    /// Connections that are open at any listener.
    public var openConnections: Int { self.listeners.reduce(0) { $0 + $1.openConnections } }

    /// Closes every connection and both doors; returns when nothing listens any more.
    public func stop() async {
        for listener in self.listeners { await listener.stop() }
    }
}

/// Where time comes from; passed in, so that a test can move it.
public typealias SimulatorClock = @Sendable () -> Date
