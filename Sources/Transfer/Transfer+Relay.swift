// SPDX-License-Identifier: Apache-2.0

import CCurl
import HTTPTypes
import NIOCore

extension Transfer {
    /// Fewer bytes are quicker read than a connection is made, which a relay costs.
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
