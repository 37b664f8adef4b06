// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird

/// `/v1/providers`: what there is, what it can do, and how it does.
struct ProviderRoutes: Sendable {
    let directory: ProviderDirectory
    let administration: ProviderAdministration

    func add(to router: Router<GatewayContext>) {
        router.get("/v1/providers", use: self.list)
        router.get("/v1/providers/{name}", use: self.get)
        router.post("/v1/providers/{name}/test", use: self.test)
        router.post("/v1/providers", use: self.create)
        router.patch("/v1/providers/{name}", use: self.change)
        router.delete("/v1/providers/{name}", use: self.remove)
        router.post("/v1/providers/{name}/credentials", use: self.addCredential)
        router.delete("/v1/providers/{name}/credentials/{cid}", use: self.removeCredential)
    }

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(nil)
        var query = context.query
        try query.finish()
        let visible = self.directory.current.registered.filter { caller.maySee(provider: $0.id) }
        return Self.answer(["providers": visible.map { ProviderRepresentation($0, for: caller) }])
    }

    @Sendable
    func get(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(nil)
        var query = context.query
        try query.finish()
        return Self.answer(ProviderRepresentation(try self.provider(context, caller), for: caller))
    }

    @Sendable
    func test(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.admin)
        var query = context.query
        try query.finish()
        let entry = try self.provider(context, caller).entry
        guard let provider = entry.provider else {
            throw Problem(.upstreamAuth, "The provider '\(entry.id)' has no usable credential.")
        }
        let started = ContinuousClock.now
        try await context.record.timing(.upstream) { () async throws(ProviderError) in try await provider.check() }
        return Self.answer(CheckResult(ok: true, durationMs: started.duration(to: .now).milliseconds))
    }

    private struct CheckResult: Encodable {
        let ok: Bool
        let durationMs: Double
    }

    /// The provider that the path names; `NOT_FOUND` where the caller may not see it.
    func provider(_ context: GatewayContext, _ caller: Caller) throws(Problem) -> RegisteredProvider {
        guard let id = context.parameters.get("name").flatMap(ProviderID.init), caller.maySee(provider: id),
            let provider = self.directory.current.registered(id)
        else { throw Problem.notFound }
        context.record.note { $0.provider = id.name }
        return provider
    }

    private static func answer(_ value: some Encodable) -> Response { .json(value, cacheControl: "private, no-cache") }
}
