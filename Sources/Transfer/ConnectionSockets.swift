// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The open sockets of one multi handle's connections: libcurl says of a transfer only which two ends its connection has.
///
/// It is not `Sendable`: it lives on its thread, and as long as the multi handle, whose connections close through it.
final class ConnectionSockets {
    private var open: Set<CInt> = []

    /// Opens a socket; -1 where the system has none.
    func open(_ family: CInt, _ kind: CInt, _ number: CInt) -> CInt {
        let opened = socket(family, kind, number)
        guard opened >= 0 else { return opened }
        // Not to be inherited by a child process.
        _ = fcntl(opened, F_SETFD, FD_CLOEXEC)
        self.open.insert(opened)
        return opened
    }

    /// Closes a socket, as libcurl asks for; what `close` answers.
    func close(_ socket: CInt) -> CInt {
        self.open.remove(socket)
        return Foundation.close(socket)
    }

    /// The open socket with these ends; most likely `guess`, where there is one.
    func found(between ends: ConnectionEnds, guess: CInt?) -> CInt? {
        let isRight: (CInt) -> Bool = { ConnectionEnds(of: $0) == ends }
        return guess.flatMap { self.open.contains($0) && isRight($0) ? $0 : nil } ?? self.open.first(where: isRight)
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
