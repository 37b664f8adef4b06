// SPDX-License-Identifier: Apache-2.0

import Downloads
import Hummingbird
import NIOCore
import Yams

/// `/openapi.yaml` and `/openapi.json`: the contract of the running version.
struct OpenAPIRoutes: Sendable {
    private let yaml: ByteBuffer
    private let json: ByteBuffer

    /// Takes the document in YAML, and makes the JSON of it once.
    init(yaml: String) throws {
        self.yaml = ByteBuffer(string: yaml)
        self.json = JSONText.encode(try Yams.compose(yaml: yaml).map(JSONValue.init) ?? .null)
    }

    func add(to router: Router<GatewayContext>) {
        router.get("/openapi.yaml") { _, context in try Self.answer(self.yaml, "application/yaml", context) }
        router.get("/openapi.json") { _, context in try Self.answer(self.json, MediaType.json, context) }
    }

    private static func answer(_ body: ByteBuffer, _ type: String, _ context: GatewayContext) throws -> Response {
        _ = try context.requireCaller(nil)
        var query = context.query
        try query.finish()
        return Response(
            status: .ok,
            headers: [.contentType: type, .cacheControl: "private, max-age=300"],
            body: ResponseBody(byteBuffer: body)
        )
    }
}

extension JSONValue {
    /// The JSON of a YAML node; a quoted scalar is a text, whatever it looks like.
    init(_ node: Node) {
        switch node {
        case .mapping(let mapping):
            let members = mapping.map { ($0.key.string ?? "", JSONValue($0.value)) }
            self = .object(Dictionary(members, uniquingKeysWith: { _, last in last }))
        case .sequence(let sequence): self = .array(sequence.map(JSONValue.init))
        case .scalar(let scalar): self = Self.plain(node, scalar)
        case .alias: self = .null
        }
    }

    private static func plain(_ node: Node, _ scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        if node.null != nil { return .null }
        if let value = node.bool { return .bool(value) }
        if let value = node.int { return .integer(Int64(value)) }
        if let value = node.float { return .number(value) }
        return .string(scalar.string)
    }
}
