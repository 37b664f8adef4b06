// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The open sockets of one multi handle's connections: libcurl says of a transfer only which two ends its connection has.
///
/// A connection that a relay left in good order outlives libcurl's, which takes the answer for broken off. It is not `Sendable`:
/// it lives on its thread, and as long as the multi handle, whose connections close through it.
final class ConnectionSockets {
    /// Each with the ends that libcurl knows, where the socket has others by now.
    private var open: [CInt: ConnectionEnds?] = [:]
    private var idle = IdleConnections()
    /// The socket that libcurl is about to close, and that is to stay.
    private var kept: CInt?
    /// Sockets that libcurl connects, each in the place of a connection that it then becomes.
    private var placeholders: [CInt: CInt] = [:]

    /// Opens a socket; -1 where the system has none.
    ///
    /// Where a connection to `peer` is idle, it is a placeholder, which becomes that connection in ``resolve(_:)``: libcurl cannot
    /// be given one that is connected (`CURL_SOCKOPT_ALREADY_CONNECTED` does not work in 7.88, curl issue 10626). A socket for
    /// datagrams is connected at once and without a packet.
    func open(_ family: CInt, _ kind: CInt, _ number: CInt, to peer: SocketEnd?) -> CInt {
        let connection = peer.flatMap { self.idle.take(to: $0, .now) }
        let isOrdinary = connection == nil
        let opened = socket(family, isOrdinary ? kind : CInt(SOCK_DGRAM.rawValue), isOrdinary ? number : 0)
        guard opened >= 0 else {
            if let connection { _ = Foundation.close(connection) }
            return opened
        }
        // Not to be inherited by a child process.
        _ = fcntl(opened, F_SETFD, FD_CLOEXEC)
        self.open.updateValue(nil, forKey: opened)
        self.placeholders[opened] = connection
        return opened
    }

    /// Whether this socket stands for an idle connection.
    func isPlaceholder(_ socket: CInt) -> Bool { self.placeholders[socket] != nil }

    /// Makes a placeholder the connection that it stands for, once libcurl has connected it; `false` where that fails.
    func resolve(_ socket: CInt) -> Bool {
        guard let connection = self.placeholders.removeValue(forKey: socket) else { return true }
        defer { _ = Foundation.close(connection) }
        self.open.updateValue(ConnectionEnds(of: socket), forKey: socket)
        return dup2(connection, socket) == socket && fcntl(socket, F_SETFD, FD_CLOEXEC) == 0
    }

    /// Keeps the connection of `socket`, where there is one, although libcurl closes it in `body`.
    func keep(_ socket: CInt?, _ body: () -> Void) {
        self.kept = socket
        body()
        self.kept = nil
    }

    /// Closes a socket, as libcurl asks for; what `close` answers.
    func close(_ socket: CInt) -> CInt {
        self.open[socket] = nil
        if let connection = self.placeholders.removeValue(forKey: socket) { _ = Foundation.close(connection) }
        guard socket == self.kept else { return Foundation.close(socket) }
        self.idle.keep(socket, .now)
        return 0
    }

    /// Closes the connections that are idle.
    func closeIdle() { self.idle.closeAll() }

    /// The open socket that libcurl knows by these ends; most likely `guess`, where there is one.
    ///
    /// `nil` where there are two: a placeholder's port may be a connection's as well.
    func found(between ends: ConnectionEnds, guess: CInt?) -> CInt? {
        if let guess, let known = self.open[guess], (known ?? ConnectionEnds(of: guess)) == ends { return guess }
        let found = self.open.filter { ($1 ?? ConnectionEnds(of: $0)) == ends }
        return found.count == 1 ? found.first?.key : nil
    }
}

/// An address and a port.
struct SocketEnd: Hashable {
    let address: IPAddress
    let port: Int

    init(_ address: IPAddress, port: Int) { (self.address, self.port) = (address.unmapped, port) }

    /// `nil` for other families than those of the internet.
    init?(_ address: UnsafePointer<sockaddr>) {
        guard let found = unsafe IPAddress(address) else { return nil }
        // Both families have the port at the same place.
        let port = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { unsafe $0.pointee.sin_port }
        self.init(found, port: Int(UInt16(bigEndian: port)))
    }
}

/// The two ends of a connection.
struct ConnectionEnds: Hashable {
    let local: SocketEnd
    let peer: SocketEnd

    init(local: SocketEnd, peer: SocketEnd) { (self.local, self.peer) = (local, peer) }

    /// `nil` where the socket has none.
    init?(of socket: CInt) {
        guard let local = Self.end({ unsafe getsockname(socket, $0, $1) }),
            let peer = Self.end({ unsafe getpeername(socket, $0, $1) })
        else { return nil }
        self.init(local: local, peer: peer)
    }

    private static func end(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> SocketEnd? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe ask(address, &length) == 0 ? SocketEnd(address) : nil
            }
        }
    }
}
