// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird

/// `/v1/providers`: what there is, what it can do, and how it does.
struct ProviderRoutes: Sendable {
    let providers: ProviderSet

    func add(to router: Router<GatewayContext>) {
        router.get("/v1/providers", use: self.list)
        router.get("/v1/providers/{name}", use: self.get)
        router.post("/v1/providers/{name}/test", use: self.test)
    }

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(nil)
        var query = context.query
        try query.finish()
        let visible = self.providers.entries.filter { caller.maySee(provider: $0.id) }
        return Self.answer(["providers": visible.map(ProviderRepresentation.init)])
    }

    @Sendable
    func get(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(nil)
        var query = context.query
        try query.finish()
        let entry = try self.entry(context, caller)
        return Self.answer(ProviderRepresentation(entry))
    }

    @Sendable
    func test(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try context.requireCaller(.admin)
        var query = context.query
        try query.finish()
        let entry = try self.entry(context, caller)
        guard let provider = entry.provider else {
            throw Problem(.upstreamAuth, "The provider '\(entry.id)' has no usable credential.")
        }
        let started = ContinuousClock.now
        try await context.record.timing(\.upstream) { () async throws(ProviderError) in try await provider.check() }
        return Self.answer(CheckResult(ok: true, durationMs: started.duration(to: .now).milliseconds))
    }

    private struct CheckResult: Encodable {
        let ok: Bool
        let durationMs: Double
    }

    private func entry(_ context: GatewayContext, _ caller: Caller) throws(Problem) -> ProviderSet.Entry {
        guard let id = context.parameters.get("name").flatMap(ProviderID.init), caller.maySee(provider: id),
            let entry = self.providers[id]
        else { throw Problem.notFound }
        context.record.note { $0.provider = id.name }
        return entry
    }

    private static func answer(_ value: some Encodable) -> Response { .json(value, cacheControl: "private, no-cache") }
}

/// The provider of the contract, as JSON; where the address itself is a secret, its adapter has hidden it already.
struct ProviderRepresentation: Encodable {
    let entry: ProviderSet.Entry

    init(_ entry: ProviderSet.Entry) { self.entry = entry }

    private enum Key: String, CodingKey {
        case name, kind, baseURL, source, capabilities, state, lastSuccessAt, lastError
    }

    private struct Abilities: Encodable {
        let list = true
        let content = true
        let sessions: Bool
        let root: Bool
        let filters: [String]
        let ranges: Bool
        let delete: Bool
        let create: Bool
        let cancel: Bool
        let upload: Bool

        init(_ capabilities: Capabilities) {
            self.sessions = capabilities.listsSessions
            self.root = capabilities.listsRoot
            self.filters = capabilities.filters.map(\.rawValue).sorted()
            self.ranges = capabilities.ranges
            self.delete = capabilities.delete
            self.create = capabilities.create
            self.cancel = capabilities.cancel
            self.upload = capabilities.upload
        }
    }

    private struct Failure: Encodable {
        let message: String
        let at: String
    }

    func encode(to encoder: any Encoder) throws {
        let health = self.entry.health.snapshot
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.entry.id.name, forKey: .name)
        try container.encode(self.entry.kind, forKey: .kind)
        try container.encode(self.entry.baseURL, forKey: .baseURL)
        try container.encode("file", forKey: .source)
        try container.encode(Abilities(self.entry.capabilities), forKey: .capabilities)
        try container.encode(health.state, forKey: .state)
        try container.encode(health.lastSuccessAt.map(RFC3339.format), forKey: .lastSuccessAt)
        let failure = health.lastError.flatMap { message in
            health.lastErrorAt.map { Failure(message: message, at: RFC3339.format($0)) }
        }
        try container.encode(failure, forKey: .lastError)
    }
}
