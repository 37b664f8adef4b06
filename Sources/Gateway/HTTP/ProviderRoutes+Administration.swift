// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Hummingbird

/// Changes of the providers, for `admin`.
extension ProviderRoutes {
    // MARK: Providers

    @Sendable
    func create(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try self.requireAdmin(context)
        var body = try await JSONBody(request, on: context.channel)
        let (lacksName, lacksKind) = (body.lacks("name"), body.lacks("kind"))
        let name = body.text("name")
        let id = name.flatMap(ProviderID.init)
        if lacksName || name != nil && id == nil {
            body.refuse("name", "is needed: 1–64 characters of a–z, 0–9, '-' and '_'")
        }
        let kind = body.text("kind")
        if lacksKind { body.refuse("kind", "is needed: a text") }
        let baseURL = Self.address(&body)
        let settings = Self.settings(&body)
        let credentials = Self.credentials(&body)
        try body.finish()
        guard let id, let kind else { throw Problem.notFound }
        context.record.note { $0.provider = id.name }
        guard caller.maySee(provider: id) else {
            throw Problem(.insufficientScope, "This key is narrowed to other providers.")
        }
        let configuration = ProviderConfiguration(
            id: id,
            kind: kind,
            baseURL: baseURL,
            credentials: credentials,
            settings: settings.filter { $0.value != .null }
        )
        let provider = try await Self.telling { try await self.administration.create(configuration) }
        return Self.created(ProviderRepresentation(provider, for: caller), at: "/v1/providers/\(id)")
    }

    @Sendable
    func change(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try self.requireAdmin(context)
        let id = try self.provider(context, caller).entry.id
        var body = try await JSONBody(request, on: context.channel)
        let (hasAddress, clearsSettings) = (body.has("baseURL"), body.isNull("settings"))
        let baseURL = Self.address(&body)
        let settings = Self.settings(&body)
        try body.finish()
        let provider = try await Self.telling {
            try await self.administration.change(id) { configuration in
                if hasAddress { configuration.baseURL = baseURL }
                if clearsSettings { configuration.settings = [:] }
                for (name, value) in settings { configuration.settings[name] = value == .null ? nil : value }
            }
        }
        return .json(ProviderRepresentation(provider, for: caller), cacheControl: "private, no-cache")
    }

    @Sendable
    func remove(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try self.requireAdmin(context)
        let id = try self.provider(context, caller).entry.id
        try await Self.telling { try await self.administration.remove(id) }
        return Response(status: .noContent)
    }

    // MARK: Credentials

    @Sendable
    func addCredential(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try self.requireAdmin(context)
        let id = try self.provider(context, caller).entry.id
        var body = try await JSONBody(request, on: context.channel)
        let credential = Self.credential(body.takeRest(), at: "", &body)
        try body.finish()
        let status = try await Self.telling(prefix: "credentials[0].") {
            try await self.administration.add(credential, to: id)
        }
        return Self.created(
            CredentialRepresentation(status),
            at: "/v1/providers/\(id)/credentials/\(status.id)"
        )
    }

    @Sendable
    func removeCredential(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let caller = try self.requireAdmin(context)
        let id = try self.provider(context, caller).entry.id
        guard let credential = context.parameters.get("cid") else { throw Problem.notFound }
        try await Self.telling { try await self.administration.remove(credential, from: id) }
        return Response(status: .noContent)
    }

    // MARK: Reading

    private func requireAdmin(_ context: GatewayContext) throws(Problem) -> Caller {
        let caller = try context.requireCaller(.admin)
        var query = context.query
        try query.finish()
        return caller
    }

    private static func address(_ body: inout JSONBody) -> String? {
        guard let value = body.take("baseURL") else { return nil }
        guard case .string(let text) = value, (1...2048).contains(text.utf8.count) else {
            body.refuse("baseURL", "must be a text of 1–2048 bytes")
            return nil
        }
        return text
    }

    /// The settings of the kind, `null` among them.
    private static func settings(_ body: inout JSONBody) -> [String: JSONValue] {
        guard let value = body.take("settings") else { return [:] }
        guard case .object(let settings) = value else {
            body.refuse("settings", "must be an object")
            return [:]
        }
        return settings
    }

    private static func credentials(_ body: inout JSONBody) -> [ProviderCredential] {
        guard let value = body.take("credentials") else { return [] }
        guard case .array(let items) = value, items.count <= 100 else {
            body.refuse("credentials", "must be a list of at most 100 credentials")
            return []
        }
        return items.enumerated().compactMap { index, item in
            guard case .object(let members) = item else {
                body.refuse("credentials[\(index)]", "must be an object")
                return nil
            }
            return Self.credential(members, at: "credentials[\(index)].", &body)
        }
    }

    /// A new credential; which fields there must be is for its kind to say.
    private static func credential(
        _ members: [String: JSONValue],
        at path: String,
        _ body: inout JSONBody
    ) -> ProviderCredential {
        func text(_ value: JSONValue, upTo longest: Int) -> String? {
            guard case .string(let text) = value, (1...longest).contains(text.utf8.count) else { return nil }
            return text
        }
        var label: String?
        var fields: [String: Secret] = [:]
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where value != .null {
            let isLabel = name == "label"
            let longest = isLabel ? 256 : 8192
            guard let text = text(value, upTo: longest), !isLabel || text.isPrintable else {
                body.refuse(path + String(name.prefix(100)), "must be a text of 1–\(longest) bytes")
                continue
            }
            if isLabel { label = text } else { fields[String(name.prefix(100))] = Secret(text) }
        }
        var source = SystemRandomNumberGenerator()
        return ProviderCredential(id: GatewayKey.generateID("cred_", using: &source), label: label, fields: fields)
    }

    // MARK: Answering

    /// What `work` gives; its refusals as problems, with the fields as the caller wrote them.
    private static func telling<Value>(
        prefix: String = "",
        _ work: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await work()
        } catch let refusal as ProviderRefusal {
            switch refusal {
            case .notFound: throw Problem.notFound
            case .conflict(let text): throw Problem(.conflict, text)
            case .invalid(let problems):
                throw Problem.fields(problems.map { Self.asWritten($0, prefix) })
            }
        }
    }

    private static func asWritten(_ problem: FieldProblem, _ prefix: String) -> FieldProblem {
        var problem = problem
        if !prefix.isEmpty, problem.field.hasPrefix(prefix) {
            problem.field.removeFirst(prefix.count)
        } else if !["kind", "baseURL"].contains(problem.field), !problem.field.hasPrefix("credentials[") {
            // The configuration file has the settings of a kind beside its other keys, the API in an object.
            problem.field = "settings." + problem.field
        }
        problem.field = String(problem.field.prefix(200))
        return problem
    }

    private static func created(_ value: some Encodable, at location: String) -> Response {
        Response(
            status: .created,
            headers: [.contentType: MediaType.json, .cacheControl: "no-store", .location: location],
            body: ResponseBody(byteBuffer: JSONText.encode(value))
        )
    }
}

extension String {
    /// Whether it holds no control character.
    fileprivate var isPrintable: Bool { self.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F } }
}
