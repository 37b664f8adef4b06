// SPDX-License-Identifier: Apache-2.0

import CCurl
import Foundation

/// What libcurl calls, on the driver's thread and inside `curl_multi_perform` or `curl_easy_pause`.
///
/// The context is a transfer that its owner, the driver's dictionary, lets go of only after the handle was removed. Nothing here
/// throws, waits, or calls out to a user's code; resuming a continuation only enqueues.
extension Transfer {
    /// Names the callbacks; `false` where libcurl does not take one.
    func setCallbacks() -> Bool {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        let pointers = [
            CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_OPENSOCKETDATA,
            CURLOPT_PREREQDATA, CURLOPT_PRIVATE,
        ]
        var codes = pointers.map { unsafe ccurl_set_pointer(self.handle, $0, context) }
        codes.append(
            unsafe ccurl_set_write_function(self.handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                unsafe Transfer.from(context)?.onBody(bytes, size * count) ?? 0
            }
        )
        codes.append(
            unsafe ccurl_set_write_function(self.handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                unsafe Transfer.from(context)?.onHeaderLine(bytes, size * count) ?? 0
            }
        )
        codes.append(
            unsafe ccurl_set_read_function(self.handle) { room, size, count, context in
                unsafe Transfer.from(context)?.onRead(room, size * count) ?? Int(CURL_READFUNC_ABORT)
            }
        )
        codes.append(
            unsafe ccurl_set_seek_function(self.handle) { context, offset, origin in
                let isStart = offset == 0 && origin == SEEK_SET
                return unsafe isStart && Transfer.from(context)?.upload.rewind() == true
                    ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
            }
        )
        codes.append(
            unsafe ccurl_set_open_socket_function(self.handle) { context, _, address in
                guard let transfer = unsafe Transfer.from(context), let address = unsafe address else {
                    return CURL_SOCKET_BAD
                }
                return unsafe transfer.openSocket(address)
            }
        )
        codes.append(
            unsafe ccurl_set_prerequest_function(self.handle) { context, peer, local, peerPort, localPort in
                guard let transfer = unsafe Transfer.from(context), let peer = unsafe peer, let local = unsafe local
                else {
                    return CURL_PREREQFUNC_ABORT
                }
                let isAllowed = unsafe transfer.willRequest(
                    of: IPAddress(String(cString: peer)),
                    port: Int(peerPort),
                    from: IPAddress(String(cString: local)),
                    port: Int(localPort)
                )
                return isAllowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            }
        )
        codes += self.setCloseCallback()
        return codes.allSatisfy { $0 == CURLE_OK }
    }

    private func setCloseCallback() -> [CURLcode] {
        let sockets = unsafe Unmanaged.passUnretained(self.sockets).toOpaque()
        return [
            unsafe ccurl_set_pointer(self.handle, CURLOPT_CLOSESOCKETDATA, sockets),
            unsafe ccurl_set_close_socket_function(self.handle) { context, socket in
                guard let context = unsafe context else { return 1 }
                // Its owner, the thread, outlives the multi handle and so all connections.
                return unsafe Unmanaged<ConnectionSockets>.fromOpaque(context).takeUnretainedValue().close(socket)
            },
        ]
    }

    /// The transfer behind a context pointer of libcurl's.
    static func from(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    private func onBody(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        switch unsafe self.takeBody(UnsafeRawBufferPointer(start: bytes, count: count)) {
        case .taken: count
        case .paused: Int(CURL_WRITEFUNC_PAUSE)
        case .dropped: 0
        }
    }

    private func onHeaderLine(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        let line = unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))
        return self.takeHeaderLine(line) ? count : 0
    }

    private func onRead(_ room: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        switch unsafe self.giveBody(UnsafeMutableRawBufferPointer(start: room, count: count)) {
        case .bytes(let given): given
        case .pause: Int(CURL_READFUNC_PAUSE)
        case .failed: Int(CURL_READFUNC_ABORT)
        }
    }

    /// Judges the resolved address before a packet goes to it.
    ///
    /// One refused address ends the transfer: a name that resolves to both a public and a private address is an attack, and
    /// libcurl would go on with the next.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let found = unsafe withUnsafePointer(to: &address.pointee.addr) { unsafe IPAddress($0) }
        guard self.failure == nil, self.isAllowed(found) else { return CURL_SOCKET_BAD }
        let (family, kind, number) = unsafe (address.pointee.family, address.pointee.socktype, address.pointee.protocol)
        let peer = found.flatMap { self.takesIdleConnection ? SocketEnd($0, port: self.hop.url.origin.port) : nil }
        let opened = self.sockets.open(family, kind, number, to: peer)
        self.openedSocket = opened
        if self.sockets.isPlaceholder(opened) { self.connectionSource = .relay }
        return opened
    }

    /// Judges the peer again where the request is about to go out.
    ///
    /// This is what holds for a kept connection, which may have been made for a request that was trusted.
    private func willRequest(of peer: IPAddress?, port: Int, from local: IPAddress?, port localPort: Int) -> Bool {
        guard self.failure == nil, port == self.hop.url.origin.port, self.isAllowed(peer) else {
            self.failure =
                self.failure ?? TransferError(.addressRefused(reason: "unknown"), detail: self.hop.url.origin.host)
            return false
        }
        if let peer, let local {
            self.ends = ConnectionEnds(local: SocketEnd(local, port: localPort), peer: SocketEnd(peer, port: port))
        }
        self.isConnected = true
        return self.openedSocket.map(self.sockets.resolve) ?? true
    }

    private func isAllowed(_ address: IPAddress?) -> Bool {
        let origin = self.hop.url.origin
        let reason =
            address.map { self.judge.refusal(of: $0, port: origin.port, isTrusted: self.hop.isTrusted) } ?? "unknown"
        guard let reason else { return true }
        self.failure = TransferError(.addressRefused(reason: reason), detail: origin.host)
        return false
    }
}
