// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOHTTP1

/// What makes a head of HTTP/1 that can be read one that must not be.
enum HTTP1Rules {
    /// What is wrong with the head; `nil`: nothing.
    static func problem(with head: HTTPRequestHead) -> Problem? {
        guard self.hasOneHost(head) else {
            return Problem(.invalidRequest, "A request of HTTP/1.1 has one header field Host, and in it a host.")
        }
        return self.problemWithCodings(of: head)
    }

    // MARK: Host

    /// RFC 9112, 3.2: a request of HTTP/1.1 has exactly one, and it is one.
    private static func hasOneHost(_ head: HTTPRequestHead) -> Bool {
        let hosts = head.headers["host"]
        // HTTP/1.0 knows no host.
        guard let host = hosts.first else { return head.version != .http1_1 }
        return hosts.count == 1 && host.utf8.allSatisfy(Self.isOfAuthority)
    }

    /// Whether the byte may stand in a host and its port (RFC 3986, 3.2.2).
    private static func isOfAuthority(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "-._~!$&'()*+,;=:[]%".utf8.contains(byte)
    }

    // MARK: Transfer-Encoding

    /// RFC 9112, 6.1 and 6.3: the body of a request ends as its last coding says, which is `chunked`, once; the gateway
    /// understands no other one before it, and HTTP/1.0 has none at all.
    private static func problemWithCodings(of head: HTTPRequestHead) -> Problem? {
        let fields = head.headers["transfer-encoding"]
        guard !fields.isEmpty else { return nil }
        guard head.version != .http1_0 else {
            return Problem(.invalidRequest, "A request of HTTP/1.0 has no header field Transfer-Encoding.")
        }
        let codings = fields.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false)
            .map { $0.trimmingBlanks().lowercased() }
        guard codings.last == "chunked", codings.count(where: { $0 == "chunked" }) == 1 else {
            return Problem(.invalidRequest, "The header field Transfer-Encoding ends in chunked, and has it once.")
        }
        guard codings.count == 1 else {
            return Problem(.notSupported, "The header field Transfer-Encoding may hold nothing but chunked.")
        }
        return nil
    }
}
