// SPDX-License-Identifier: Apache-2.0

import CSocket
import Dispatch
import Foundation
import Logging
import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Passes the listening socket from a gateway to the one that takes its place, over a Unix socket in the store's folder.
///
/// Both hold the *same* socket for a moment, and the same line of connections that wait to be accepted: unlike with
/// `SO_REUSEPORT`, where each listener has a line of its own, none is reset when the old one closes. Only one of them accepts
/// from it at a time: the old one until it is told that the other is ready, and the other once the old one has stopped. Who may
/// open the store's folder, which is 0700, may take the place.
final class HandOver: Sendable {
    private struct State {
        /// Where takers come to.
        var control: CInt?
        /// Our copy of what is handed over.
        var listener: CInt?
        /// Those who took it, and wait until we accept no more.
        var takers: [CInt] = []
        var onTaken: (@Sendable () -> Void)?
    }

    /// A listener that was taken over, and how to tell the old gateway that it can be served.
    struct Taken {
        let socket: ListeningSocket
        fileprivate let connection: CInt

        /// The old gateway stops; returns when it accepts no connection any more, or should have long since.
        func confirm() async {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    var byte = HandOver.confirmation
                    _ = csocket_set_patience(self.connection, HandOver.patience)
                    // Its end is the answer.
                    if send(self.connection, &byte, 1, CInt(MSG_NOSIGNAL)) == 1 { HandOver.receive(self.connection) }
                    close(self.connection)
                    continuation.resume()
                }
            }
        }
    }

    private let path: String
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    fileprivate static let confirmation = UInt8(ascii: "G")
    /// How many seconds one taker may hold up the next, and is held up itself.
    fileprivate static let patience: CInt = 30

    init(folder: String, logger: Logger) {
        self.path = folder + "/door.sock"
        self.logger = logger
    }

    // MARK: Giving

    /// Calls `onTaken` once another gateway is ready to serve the listener; it waits for ``withdraw()``.
    func onTaken(_ action: @escaping @Sendable () -> Void) { self.state.withLockedValue { $0.onTaken = action } }

    /// Offers a listener to whoever comes; without effect, and said, where that cannot be.
    func offer(_ listener: ListeningSocket) {
        unlink(self.path)
        guard let address = Self.address(self.path), let control = Self.unixSocket() else {
            return self.logger.warning("The listener cannot be handed over: the store's path is too long.")
        }
        let isBound = address.withPointer { bind(control, $0, $1) == 0 && chmod(self.path, 0o600) == 0 }
        let copy = fcntl(listener.descriptor, F_DUPFD_CLOEXEC, 0)
        guard isBound, listen(control, 4) == 0, copy >= 0 else {
            close(control)
            return self.logger.warning("The listener cannot be handed over.", metadata: ["path": "\(self.path)"])
        }
        self.state.withLockedValue { ($0.control, $0.listener) = (control, copy) }
        let thread = Thread { self.serve(control) }
        thread.name = "hand-over"
        thread.start()
    }

    /// Called when we accept no more: the line of waiting connections is then that of who took it, or gone.
    func withdraw() {
        let old = self.state.withLockedValue { state in
            defer { (state.control, state.listener, state.takers) = (nil, nil, []) }
            return state
        }
        // Wakes the thread, which closes it.
        if let control = old.control { shutdown(control, CInt(SHUT_RDWR)) }
        if let listener = old.listener { close(listener) }
        for taker in old.takers { close(taker) }
    }

    private func serve(_ control: CInt) {
        while true {
            let connection = accept(control, nil, nil)
            guard connection >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                break
            }
            if self.give(to: connection) { self.taken(by: connection) } else { close(connection) }
        }
        close(control)
    }

    private func taken(by connection: CInt) {
        self.logger.info("Another gateway takes the listener over.")
        let onTaken = self.state.withLockedValue { state in
            if state.listener == nil { close(connection) } else { state.takers.append(connection) }
            return state.onTaken
        }
        onTaken?()
    }

    /// Whether it was taken and can be served.
    private func give(to connection: CInt) -> Bool {
        _ = csocket_set_patience(connection, Self.patience)
        // Under the lock: a withdrawal closes the descriptor, whose number may be another's then.
        let isSent = self.state.withLockedValue { state in
            state.listener.map { csocket_send_file(connection, $0) == 0 } ?? false
        }
        guard isSent else { return false }
        return Self.receive(connection) == Self.confirmation
    }

    /// The next byte; `nil` where none came in time.
    @discardableResult
    private static func receive(_ connection: CInt) -> UInt8? {
        var byte: UInt8 = 0
        var count = 0
        repeat { count = recv(connection, &byte, 1, 0) } while count < 0 && errno == EINTR
        return count == 1 ? byte : nil
    }

    // MARK: Taking

    /// The listener of the gateway that runs over the same store; `nil` where none does.
    func take() -> Taken? {
        guard let address = Self.address(self.path), let connection = Self.unixSocket() else { return nil }
        guard address.withPointer({ connect(connection, $0, $1) == 0 }) else {
            close(connection)
            return nil
        }
        let listener = csocket_receive_file(connection)
        guard listener >= 0 else {
            close(connection)
            return nil
        }
        return Taken(socket: ListeningSocket(descriptor: listener), connection: connection)
    }

    // MARK: Sockets

    private static func unixSocket() -> CInt? {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        return descriptor >= 0 ? descriptor : nil
    }

    /// `nil` where the path is too long for one.
    private static func address(_ path: String) -> UnixAddress? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isFit = withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            // A NUL ends it.
            guard path.utf8.count < bytes.count else { return false }
            bytes.copyBytes(from: path.utf8)
            return true
        }
        return isFit ? UnixAddress(address: address) : nil
    }

    private struct UnixAddress {
        let address: sockaddr_un

        func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
            withUnsafePointer(to: self.address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }
}
