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
        router.get("/healthz") { _, _ in Self.answer("ok") }
        router.get("/readyz") { _, _ in
            guard await self.isStoreWritable() else {
                throw Problem(.overloaded, "The store cannot be written now.", headers: [.retryAfter: "5"])
            }
            return Self.answer("ready")
        }
    }

    private struct Body: Encodable {
        let status: String
    }

    private static func answer(_ text: String) -> Response { .json(Body(status: text), cacheControl: "no-store") }
}
