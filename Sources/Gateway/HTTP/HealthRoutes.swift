// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// `/healthz` and `/readyz`, for anybody: they tell nothing but how the gateway does.
struct HealthRoutes: Sendable {
    /// The paths that need no key.
    static let paths: Set<String> = ["/healthz", "/readyz"]

    /// Whether the store can be written.
    let isStoreWritable: @Sendable () async -> Bool

    func add(to router: Router<GatewayContext>) {
        router.get("/healthz") { _, _ in Self.answer(.ok, "ok") }
        router.get("/readyz") { _, _ in
            guard await self.isStoreWritable() else {
                throw Problem(.overloaded, "The store cannot be written now.", headers: [.retryAfter: "5"])
            }
            return Self.answer(.ok, "ready")
        }
    }

    private struct Body: Encodable {
        let status: String
    }

    private static func answer(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: MediaType.json, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: JSONText.encode(Body(status: text)))
        )
    }
}
