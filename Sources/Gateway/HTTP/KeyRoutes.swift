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
        router.patch("/v1/keys/{id}", use: self.change)
        router.delete("/v1/keys/{id}", use: self.revoke)
        router.post("/v1/keys/{id}/rotate", use: self.rotate)
    }

    @Sendable
    func create(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        var body = try await JSONBody(request, on: context.channel)
        var change = Self.change(&body)
        // What is missing is as wrong as what is empty.
        change.name = change.name ?? ""
        change.scopes = change.scopes ?? []
        try self.finish(&body, change)
        let new = try await self.keys.create(change.newSettings)
        var response = Self.show(new, .created)
        response.headers[.location] = "/v1/keys/\(new.stored.id)"
        return response
    }

    @Sendable
    func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        return Self.answer(["keys": try await self.keys.list().map { KeyRepresentation($0) }])
    }

    @Sendable
    func get(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        guard let key = try await self.keys.show(try Self.id(context)) else { throw Problem.notFound }
        return Self.answer(KeyRepresentation(key))
    }

    @Sendable
    func change(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        var body = try await JSONBody(request, on: context.channel)
        let change = Self.change(&body)
        try self.finish(&body, change)
        let changed = try await self.keys.change(try Self.id(context), change)
        return Self.answer(KeyRepresentation(try changed.mapError(Problem.init).get()))
    }

    @Sendable
    func revoke(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        guard try await self.keys.revoke(try Self.id(context)) != nil else { throw Problem.notFound }
        return Response(status: .noContent)
    }

    @Sendable
    func rotate(_ request: Request, _ context: GatewayContext) async throws -> Response {
        try Self.requireAdmin(context)
        var body = try await JSONBody(request, on: context.channel, mayBeEmpty: true)
        let grace = body.whole("graceSeconds", in: 0...KeyRing.longestGraceSeconds) ?? 0
        try body.finish()
        let new = try await self.keys.rotate(try Self.id(context), grace: .seconds(grace))
        return Self.show(try new.mapError(Problem.init).get(), .ok)
    }

    // MARK: Reading

    /// What a body sets; faults are noted in it.
    private static func change(_ body: inout JSONBody) -> KeyChange {
        var change = KeyChange()
        // `null` is no name and no scope, and so a fault, and elsewhere the absence of a setting.
        if body.names("name") { change.name = body.text("name") ?? "" }
        if body.names("scopes") { change.scopes = Set(body.list("scopes", "scopes") { Scope(rawValue: $0) } ?? []) }
        if body.names("providers") {
            change.providers = .some(body.list("providers", "names of providers") { ProviderID($0) }.map(Set.init))
        }
        if body.names("sessions") {
            change.sessions = .some(body.list("sessions", "session patterns") { SessionGlob($0) })
        }
        if body.names("limits") { change.limits = .some(Self.limits(&body)) }
        if body.names("expiresAt") { change.expiresAt = .some(Self.time(&body)) }
        return change
    }

    private static func limits(_ body: inout JSONBody) -> RateLimitPolicy? {
        guard let value = body.take("limits") else { return nil }
        guard case .object(let object) = value else {
            body.refuse("limits", "must be an object")
            return nil
        }
        let (policy, problems) = RateLimitPolicy.parse(object, at: "limits")
        body.refuse(problems)
        return policy
    }

    private static func time(_ body: inout JSONBody) -> Date? {
        guard let text = body.text("expiresAt") else { return nil }
        let time = RFC3339.parse(text)
        if time == nil { body.refuse("expiresAt", "must be a time, as 2027-01-31T00:00:00Z") }
        return time
    }

    /// Throws every fault of a body, and those of what it sets.
    private func finish(_ body: inout JSONBody, _ change: KeyChange) throws(Problem) {
        body.refuse(change.problems(at: self.now()))
        try body.finish()
    }

    private static func requireAdmin(_ context: GatewayContext) throws(Problem) {
        _ = try context.requireCaller(.admin)
        var query = context.query
        try query.finish()
    }

    private static func id(_ context: GatewayContext) throws(Problem) -> String {
        guard let id = context.parameters.get("id") else { throw Problem.notFound }
        return id
    }

    // MARK: Answering

    private static func answer(_ value: some Encodable) -> Response { .json(value, cacheControl: "no-store") }

    /// The one answer that shows a secret.
    private static func show(_ new: KeyRing.NewKey, _ status: HTTPResponse.Status) -> Response {
        var response = Response.json(KeyRepresentation(new), cacheControl: "no-store")
        response.status = status
        return response
    }
}

extension Problem {
    /// Why a key is not changed.
    fileprivate init(_ refusal: KeyRing.Refusal) {
        switch refusal {
        case .unknown: self = .notFound
        case .revoked: self.init(.conflict, "The key is revoked.")
        case .expired: self.init(.conflict, "The key has expired.")
        }
    }
}
