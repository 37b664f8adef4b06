// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// Tells the clock of a connection that bytes came, and bounds what they may cost; stands in front of the decoder.
final class ArrivalHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let clock: RequestClock
    /// What is being decoded, where a request begins with it.
    private var beginning: ByteBuffer?
    /// Of the request that is read; the handler behind the decoder tells what is a body.
    var framing = FramingBudget()

    init(_ clock: RequestClock) { self.clock = clock }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.beginning = self.clock.isIdle ? bytes : nil
        // Kept on, it would be a copy for whoever reads the next bytes into it.
        defer { self.beginning = nil }
        self.clock.bytesCame()
        self.framing.came(bytes.readableBytes)
        context.fireChannelRead(data)
        if self.framing.isSpent { self.clock.refuse(.malformed) }
    }

    /// Whether what is being decoded begins with the line of a request of HTTP/1 (RFC 9112, 3), of whatever method.
    var isRequestLine: Bool {
        guard let bytes = self.beginning?.readableBytesView else { return false }
        let words = bytes.prefix { $0 != UInt8(ascii: "\n") }
            .split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, let method = words.first, let version = words.last else { return false }
        return !method.isEmpty && method.allSatisfy(Self.isOfToken) && version.starts(with: "HTTP/1.".utf8)
    }

    /// RFC 9110, 5.6.2.
    private static func isOfToken(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
