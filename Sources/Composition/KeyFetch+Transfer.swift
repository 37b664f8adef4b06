// SPDX-License-Identifier: Apache-2.0

import Gateway
import NIOCore
import Transfer

extension KeyFetch {
    /// Fetches over HTTP: without credentials, under the egress policy wherever the operator's own URL does not lie.
    init(by transfer: TransferClient) {
        self.init { url, configured throws(JWKSetError) in
            let patience = Duration.seconds(5)
            let request = TransferRequest(
                url: url,
                trustedOrigin: Origin(of: configured),
                limits: TransferLimits(connect: patience, firstByte: patience, idle: patience),
                maxRedirects: 3
            )
            let status: Int
            let body: ByteBuffer
            do throws(TransferError) {
                let response = try await transfer.execute(request)
                status = response.status
                body = try await response.body.collect(upTo: Self.mostBytes)
            } catch {
                throw JWKSetError("The request failed: \(error.kind) \(error.detail)")
            }
            guard status == 200 else { throw JWKSetError("The request was answered with status \(status).") }
            return Array(body.readableBytesView)
        }
    }
}
