// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1

/// A request of HTTP/1.1 that does not say clearly which host it is for.
struct AmbiguousHost: Error {}

/// Ends a connection of HTTP/1.1 whose request has no `Host`, more than one, or what is none (RFC 9112, 3.2).
///
/// It stands right behind the decoder: what comes after it knows one host only, and would not see the second. Who stands in
/// front of the gateway may have gone by the one, and would have the gateway go by the other.
final class HostHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// Nothing that comes after such a head is a request.
    private var hasEnded = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasEnded else { return }
        if case .head(let head) = self.unwrapInboundIn(data), !Self.hasOneHost(head) {
            self.hasEnded = true
            return context.fireErrorCaught(AmbiguousHost())
        }
        context.fireChannelRead(data)
    }

    private static func hasOneHost(_ head: HTTPRequestHead) -> Bool {
        let hosts = head.headers["host"]
        // HTTP/1.0 knows no host.
        guard let host = hosts.first else { return head.version != .http1_1 }
        return hosts.count == 1 && host.utf8.allSatisfy(Self.isOfAuthority)
    }

    /// Whether the byte may stand in a host and its port (RFC 3986, 3.2.2).
    private static func isOfAuthority(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~!$&'()*+,;=:[]%".utf8.contains(byte)
        }
    }
}
