// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird

/// `/v1/keys`: gateway keys, for `admin`.
struct KeyRoutes: Sendable {
    let keys: KeyRing
    let now: @Sendable () -> Date

    func add(to router: Router<GatewayContext>) {
        router.post("/v1/keys", use: self.create)
        router.get("/v1/keys", use: self.list)
        router.get("/v1/keys/{id}", use: self.get)
        router.delete("/v1/keys/{id}", use: self.revoke)
    }

    @Sendable
    func create(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        var body = try await JSONBody(request)
        let settings = try self.settings(&body)
        let new = try await self.keys.create(settings)
        var headers: HTTPFields = [.contentType: MediaType.json, .cacheControl: "no-store"]
        headers[.location] = "/v1/keys/\(new.stored.id)"
        let representation = KeyRepresentation(key: new.stored, secret: new.key.secret)
        return Response(status: .created, headers: headers, body: .init(byteBuffer: JSONText.encode(representation)))
    }

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        let keys = try await self.keys.list().map { KeyRepresentation(key: $0, secret: nil) }
        return Self.answer(["keys": keys])
    }

    @Sendable
    func get(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        guard let id = context.parameters.get("id"), let key = try await self.keys.show(id) else {
            throw Problem.notFound
        }
        return Self.answer(KeyRepresentation(key: key, secret: nil))
    }

    @Sendable
    func revoke(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        guard let id = context.parameters.get("id"), try await self.keys.revoke(id) != nil else {
            throw Problem.notFound
        }
        return Response(status: .noContent)
    }

    private func settings(_ body: inout JSONBody) throws(Problem) -> KeySettings {
        let name = body.text("name")
        let scopes = body.list("scopes", "scopes") { Scope(rawValue: $0) }
        if name == nil { body.refuse("name", "is needed: a text of 1–256 bytes") }
        if scopes == nil {
            body.refuse("scopes", "is needed: a list of \(Scope.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        var settings = KeySettings(name: name ?? "", scopes: Set(scopes ?? []))
        settings.providers = body.list("providers", "names of providers") { ProviderID($0) }.map(Set.init)
        settings.sessions = body.list("sessions", "session patterns") { SessionGlob($0) }
        if let value = body.take("limits") {
            if case .object(let object) = value {
                let (policy, problems) = RateLimitPolicy.parse(object, at: "limits")
                settings.limits = policy
                body.refuse(problems)
            } else {
                body.refuse("limits", "must be an object")
            }
        }
        if let text = body.text("expiresAt") {
            settings.expiresAt = RFC3339.parse(text)
            if settings.expiresAt.map({ $0 <= self.now() }) ?? true {
                body.refuse("expiresAt", "must be a time to come, as 2027-01-31T00:00:00Z")
            }
        }
        try body.finish()
        return settings
    }

    private static func requireAdmin(_ context: GatewayContext) throws(Problem) {
        _ = try context.requireCaller(.admin)
        var query = context.query
        try query.finish()
    }

    private static func answer(_ value: some Encodable) -> Response { .json(value, cacheControl: "private, no-store") }
}

/// The key of the contract, as JSON; `key` is there only where the secret is to be shown.
struct KeyRepresentation: Encodable {
    let key: StoredKey
    let secret: Secret?

    private enum Key: String, CodingKey {
        case id, name, scopes, providers, sessions, limits, createdAt, expiresAt, lastUsedAt, lastUsedFrom, revokedAt,
            key
    }

    private struct Limits: Encodable {
        let policy: RateLimitPolicy

        enum Key: String, CodingKey { case requests, burst, concurrent, bytesPerDay, bytesPerSecond }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(self.policy.requests?.description, forKey: .requests)
            try container.encode(self.policy.burst, forKey: .burst)
            try container.encode(self.policy.concurrent, forKey: .concurrent)
            try container.encode(self.policy.bytesPerDay, forKey: .bytesPerDay)
            try container.encode(self.policy.bytesPerSecond, forKey: .bytesPerSecond)
        }
    }

    func encode(to encoder: any Encoder) throws {
        let settings = self.key.settings
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.key.id, forKey: .id)
        try container.encode(settings.name, forKey: .name)
        try container.encode(settings.scopes.map(\.rawValue).sorted(), forKey: .scopes)
        try container.encode(settings.providers?.map(\.name).sorted(), forKey: .providers)
        try container.encode(settings.sessions?.map(\.pattern), forKey: .sessions)
        try container.encode(settings.limits.map(Limits.init), forKey: .limits)
        try container.encode(RFC3339.format(self.key.createdAt), forKey: .createdAt)
        try container.encode(settings.expiresAt.map(RFC3339.format), forKey: .expiresAt)
        try container.encode(self.key.lastUsedAt.map(RFC3339.format), forKey: .lastUsedAt)
        try container.encode(self.key.lastUsedFrom, forKey: .lastUsedFrom)
        try container.encode(self.key.revokedAt.map(RFC3339.format), forKey: .revokedAt)
        try container.encodeIfPresent(self.secret?.reveal(), forKey: .key)
    }
}
