// SPDX-License-Identifier: Apache-2.0

import CSocket
import Foundation
import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A TCP socket that listens, made here or taken over from another process.
struct ListeningSocket: Sendable {
    /// Owned by whoever holds this; ``FrontDoor`` gives it to its channel.
    let descriptor: CInt

    /// Why there is none.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let backlog: CInt = 1024

    /// Listens on an address that nobody else listens on; port 0 takes a free one.
    static func open(host: String, port: Int) throws -> ListeningSocket {
        let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.protocol.rawValue, type, 0)
        guard descriptor >= 0 else { throw Failure(description: "A socket cannot be made: \(Self.reason).") }
        var on: CInt = 1
        let length = socklen_t(MemoryLayout<CInt>.size)
        let isBound =
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, length) == 0
            && address.withSockAddr { bind(descriptor, $0, socklen_t($1)) == 0 }
            && listen(descriptor, Self.backlog) == 0
        guard isBound else {
            let reason = Self.reason
            close(descriptor)
            throw Failure(description: "Cannot listen on \(host), port \(port): \(reason).")
        }
        return ListeningSocket(descriptor: descriptor)
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
