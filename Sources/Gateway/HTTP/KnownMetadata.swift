// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import NIOCore

/// The metadata of a download as a caller was told it, which nobody had to be asked for.
final class KnownMetadata: Sendable {
    let caller: Caller
    let download: Download
    /// See ``ProviderSet/Entry/epoch``.
    let epoch: Int
    let json: ByteBuffer
    /// What proxies wrote of where the request came from.
    let hops: HTTPFields

    /// What makes a request one of its kind: an id or a trace of its own, a body, an end of the connection.
    private static func isSingular(_ headers: HTTPFields) -> Bool {
        let names: [HTTPField.Name] = [
            .requestID, .traceparent, .expect, .contentLength, .transferEncoding, .upgrade, .prefer,
        ]
        return names.contains(where: headers.contains)
            || headers[values: .connection].contains { $0.lowercased() != "keep-alive" }
    }

    /// `nil` where the same request is to be answered the long way again.
    init?(
        _ download: Download,
        at place: DownloadLibrary.Place,
        json: ByteBuffer,
        for caller: Caller,
        asked headers: HTTPFields
    ) {
        // Whether a token is still good only its issuer's keys tell.
        if case .token = caller.identity { return nil }
        guard place.job == nil, !Self.isSingular(headers) else { return nil }
        self.caller = caller
        self.download = download
        self.epoch = place.epoch
        self.json = json
        self.hops = TrustedProxies.fields(of: headers)
    }
}
