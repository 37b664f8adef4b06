// SPDX-License-Identifier: Apache-2.0

import Downloads
import Hummingbird
import NIOCore

/// `/healthz` and `/readyz`, for anybody: they tell nothing but how the gateway does.
struct HealthRoutes: Sendable {
    /// The paths that need no key.
    static let paths: Set<String> = ["/healthz", "/readyz"]

    /// Whether the store can be written.
    let isStoreWritable: @Sendable () async -> Bool
    /// How each provider did when it was last asked.
    let providers: @Sendable () -> [ProviderHealth.State]

    func add(to router: Router<GatewayContext>) {
        // Load balancers ask with either method.
        router.get("/healthz", use: self.health)
        router.head("/healthz", use: self.health)
        router.get("/readyz", use: self.readiness)
        router.head("/readyz", use: self.readiness)
    }

    @Sendable
    private func health(_ request: Request, _ context: GatewayContext) -> Response {
        Self.answer(Health(status: "ok"))
    }

    @Sendable
    private func readiness(_ request: Request, _ context: GatewayContext) async throws -> Response {
        guard await self.isStoreWritable() else {
            throw Problem(.overloaded, "The store cannot be written now.", headers: [.retryAfter: "5"])
        }
        return Self.answer(Health(status: "ready", providers: Counts(self.providers())))
    }

    private struct Health: Encodable {
        let status: String
        var providers: Counts?
    }

    /// How many providers are in which state; their names are nobody's business here.
    ///
    /// None of it makes the gateway less ready: what others hold, and what is known already, it still serves.
    private struct Counts: Encodable {
        var ok = 0
        var degraded = 0
        var down = 0
        var unconfigured = 0

        init(_ states: [ProviderHealth.State]) {
            for state in states {
                switch state {
                case .ok: self.ok += 1
                case .degraded: self.degraded += 1
                case .down: self.down += 1
                case .unconfigured: self.unconfigured += 1
                }
            }
        }
    }

    private static func answer(_ health: Health) -> Response { .json(health, cacheControl: "no-store") }
}
