// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import NIOCore

/// The bytes that came and were not yet taken.
final class RawInbox: Sendable {
    private struct State {
        var bytes = ByteBuffer()
        var version = 0
        var seen = 0
        var closed = false
        var waiter: CheckedContinuation<Bool, Never>?
    }

    private let state = NIOLockedValueBox(State())

    func append(_ buffer: inout ByteBuffer) {
        let waiter = self.state.withLockedValue { state in
            state.bytes.writeBuffer(&buffer)
            return Self.notify(&state)
        }
        waiter?.resume(returning: true)
    }

    func close() {
        let waiter = self.state.withLockedValue { state in
            state.closed = true
            return Self.notify(&state)
        }
        waiter?.resume(returning: false)
    }

    private static func notify(_ state: inout State) -> CheckedContinuation<Bool, Never>? {
        state.version += 1
        guard let waiter = state.waiter else { return nil }
        state.waiter = nil
        state.seen = state.version
        return waiter
    }

    /// Waits for the next change since the last call; `false` once closed.
    func changed() async -> Bool {
        await withCheckedContinuation { continuation in
            let ready: Bool? = self.state.withLockedValue { state in
                if state.version > state.seen {
                    state.seen = state.version
                    return !state.closed || state.bytes.readableBytes > 0
                }
                if state.closed { return false }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    func take(_ count: Int) -> ByteBuffer? {
        self.state.withLockedValue { $0.bytes.readSlice(length: count) }
    }

    func takeHead() -> String? { self.take(through: Array("\r\n\r\n".utf8)) }

    func takeLine() -> String? { self.take(through: Array("\r\n".utf8)) }

    private func take(through mark: [UInt8]) -> String? {
        self.state.withLockedValue { state in
            let bytes = state.bytes.readableBytesView
            guard bytes.count >= mark.count else { return nil }
            for start in bytes.startIndex...(bytes.endIndex - mark.count)
            where bytes[start] == mark[0] && bytes[start..<(start + mark.count)].elementsEqual(mark) {
                let length = start - bytes.startIndex
                let text = state.bytes.readString(length: length)
                state.bytes.moveReaderIndex(forwardBy: mark.count)
                return text
            }
            return nil
        }
    }
}

/// Puts what comes into the inbox.
final class RawInboxHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: RawInbox
    private let onActive: () -> Void

    init(inbox: RawInbox, onActive: @escaping () -> Void) {
        self.inbox = inbox
        self.onActive = onActive
    }

    func channelActive(context: ChannelHandlerContext) {
        self.onActive()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        self.inbox.append(&buffer)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.inbox.close()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
