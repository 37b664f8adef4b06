// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes

/// What a client that sent `Expect: 100-continue` waits for before it sends its body (RFC 9110, 10.1.1).
struct Expectation: Sendable {
    /// Whether the client may wait.
    let isGiven: Bool
    private let channel: any Channel

    init(_ request: Request, on channel: any Channel) {
        self.isGiven = request.headers[.expect]?.lowercased() == "100-continue"
        self.channel = channel
    }

    /// Tells the client, where it waits, to send its body; a failure shows when it is read.
    func meet() async {
        guard self.isGiven else { return }
        try? await self.channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue))).get()
    }
}
