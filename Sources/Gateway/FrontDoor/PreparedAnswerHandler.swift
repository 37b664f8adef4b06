// SPDX-License-Identifier: Apache-2.0

import Crypto
import NIOCore

/// Gives prepared answers on one connection, in front of the decoder: a request that is known is not taken apart again.
///
/// It looks at reads that are one whole head without a body, between requests, which nearly all are; everything else goes
/// its way untouched, and so does a request whose answer is not prepared. When that was answered, it is known.
final class PreparedAnswerHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Any
    typealias OutboundOut = ByteBuffer

    private let answers: PreparedAnswers
    private let clock: RequestClock
    /// Of the request that is under way.
    private var key: PreparedAnswers.Key?

    init(_ answers: PreparedAnswers, _ clock: RequestClock) {
        self.answers = answers
        self.clock = clock
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let head = self.clock.isIdle ? self.unwrapInboundIn(data).withUnsafeReadableBytes(Self.sha256) : nil
        self.key = head.map(self.answers.key)
        // What a client does not take is waited for on the usual way.
        let channel = context.channel
        guard let key, channel.isWritable, let answer = self.answers.answer(key, from: channel.remoteAddress) else {
            return context.fireChannelRead(data)
        }
        self.key = nil
        self.clock.answeredAtOnce()
        let sent = context.eventLoop.makePromise(of: Void.self)
        answer.record.isSent(with: sent.futureResult)
        context.writeAndFlush(self.wrapOutboundOut(answer.bytes), promise: sent)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let answered = event as? AnsweredRequest else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        if let key, self.clock.isIdle { self.answers.learn(key, from: answered.record) }
        self.key = nil
        promise?.succeed()
    }

    /// The longest head that is looked at: what is remembered of a request is in the caller's hand.
    private static let longest = 2048
    private static let start = Array("GET /v1/downloads/".utf8)
    private static let version = Array(" HTTP/1.1\r\n".utf8)
    private static let end = Array("\r\n\r\n".utf8)

    /// `nil` for what is not one head, whole and nothing else, of a request for one download.
    private static func sha256(_ bytes: UnsafeRawBufferPointer) -> SHA256Digest? {
        guard bytes.count <= self.longest, bytes.starts(with: self.start),
            let line = bytes.firstIndex(of: UInt8(ascii: "\n")),
            bytes[...line].suffix(self.version.count).elementsEqual(self.version),
            bytes.suffix(self.end.count).elementsEqual(self.end), Self.blankLine(in: bytes) == bytes.count - 1
        else { return nil }
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return hash.finalize()
    }

    /// Where the first empty line ends, however its end and that of the line before it are written.
    private static func blankLine(in bytes: UnsafeRawBufferPointer) -> Int? {
        var isEmpty = false
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "\n"):
                if isEmpty { return index }
                isEmpty = true
            case UInt8(ascii: "\r"): break
            default: isEmpty = false
            }
        }
        return nil
    }
}
