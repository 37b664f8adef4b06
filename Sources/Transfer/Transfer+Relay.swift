// SPDX-License-Identifier: Apache-2.0

import CCurl
import HTTPTypes
import NIOCore

extension Transfer {
    /// Fewer bytes are quicker read than a relay is begun.
    private static let leastRelayed = 512 * 1024

    /// The length of a body that is on its socket as it is: no TLS, no chunks.
    var lengthForRelay: Int? {
        guard CurlLibrary.leavesBytesInSockets, self.hop.url.origin.scheme == "http", self.hop.method == .get,
            [200, 206].contains(self.head.status)
        else { return nil }
        return self.head.contentLength
    }

    /// Whether enough is left of a body that may be relayed, and was not begun to be read.
    var mayBeRelayed: Bool {
        guard let relayLength, self.relay == nil else { return false }
        return relayLength - self.received >= Self.leastRelayed
    }

    /// The relay of what is left of the body; `nil` where its reader has to read it.
    func relay(through pipes: RelayPipes) -> SocketRelay? {
        if let relay { return relay }
        guard self.mayBeRelayed, self.isPaused, self.gathered.readableBytes == 0, let relayLength, pipes.isLeft,
            let socket = self.untouchedSocket, let pipe = pipes.take()
        else { return nil }
        (self.handedOn, self.held) = ([], 0)
        self.relay = SocketRelay(from: socket, through: pipe, owed: relayLength - self.received)
        return self.relay
    }

    /// The socket, where libcurl has handed on all that it took from it.
    private var untouchedSocket: CInt? {
        var read: curl_off_t = -1
        guard unsafe ccurl_get_offset(self.handle, CURLINFO_SIZE_DOWNLOAD_T, &read) == CURLE_OK, read == self.received
        else { return nil }
        return self.ends.flatMap { self.sockets.found(between: $0, guess: self.openedSocket) }
    }

    /// Relays what can be relayed now.
    func move(_ now: ContinuousClock.Instant) -> SocketRelay.Progress {
        guard let relay else { return .waits }
        let before = relay.received
        defer { self.buffers.receive(relay.received - before) }
        return relay.move(now)
    }

    /// Leaves the body to its reader after all, where nothing was relayed of it; the pipe is free again.
    func endRelay(_ relay: SocketRelay) -> RelayPipe {
        (self.relay, self.relayLength) = (nil, nil)
        relay.refuse()
        return relay.pipe
    }
}

// MARK: - Connections that a relay left

/// Where the connection of a transfer comes from.
enum ConnectionSource {
    /// libcurl made it, or kept it.
    case libcurl
    /// A relay left it; its upstream may close it at any moment.
    case relay
    /// libcurl again, because one that a relay had left was at its end.
    case libcurlAfterRelay
}

extension Transfer {
    /// The upstream's socket, where all of an answer was relayed from it, and another may follow.
    var socketToKeep: CInt? {
        guard let relay, relay.isComplete, self.staysConnected else { return nil }
        return relay.upstream
    }

    /// Whether a connection that a relay left may carry the request: one that can be sent again if that breaks.
    var takesIdleConnection: Bool {
        CurlLibrary.leavesBytesInSockets && self.hop.url.origin.scheme == "http" && self.mayRepeat
            && !self.upload.isPresent && self.connectionSource != .libcurlAfterRelay
    }

    /// Whether the transfer, which failed, is to begin again on a connection of libcurl's, as libcurl does with its own.
    func beginsAgain(after outcome: TransferError?) -> Bool {
        guard let outcome, [.incomplete, .connectFailed].contains(outcome.kind), self.connectionSource == .relay,
            !self.hasFirstByte
        else { return false }
        // Its number may be another connection's by now.
        (self.connectionSource, self.openedSocket) = (.libcurlAfterRelay, nil)
        return true
    }
}
