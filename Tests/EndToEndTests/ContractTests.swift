// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Hummingbird
import Logging
import Testing
import Yams

@testable import Gateway

extension EndToEnd {
    @Suite struct ContractTests {
        @Test func routesAreTheOperationsOfTheDocument() async throws {
            let routes = try await withTemporaryFolder { folder in
                let store = try Store(directory: folder.path)
                let application = try await GatewayApplication(
                    Configuration(),
                    factory: NoFactory(),
                    tokens: JWTVerifier([], fetch: KeyFetch { _, _ in [] }, logger: CapturedLog().logger),
                    store: store,
                    vault: try await Vault.open(store, configured: nil),
                    logger: CapturedLog().logger
                )
                let routes = try application.router(application.plan()).routes.map {
                    "\($0.method.rawValue) \($0.path)"
                }
                try store.close()
                return routes
            }
            let operations = try Contract().operations.keys
            #expect(!routes.isEmpty)
            #expect(Set(routes).subtracting(operations) == [], "routes without an operation")
            #expect(Set(operations).subtracting(routes) == [], "operations without a route")
            #expect(routes.count == Set(routes).count)
        }

        @Test func servedDocumentsAreTheFile() async throws {
            let file = try Contract.text
            try await EndToEndFixture.run(GatewaySettings(providers: "  []")) { gateway in
                let yaml = try await gateway.admin.get("/openapi.yaml")
                #expect(yaml.text == file)
                let json = try await gateway.admin.get("/openapi.json")
                #expect(json.status == 200)
                #expect(json.json == Contract.value(try Yams.compose(yaml: file)))
            }
        }

        @Test func theVersionIsThatOfTheDocument() throws {
            #expect(try Contract().document["info"]["version"] == .string(GatewayVersion.current))
        }

        @Test func everyProblemCodeIsDocumented() throws {
            let contract = try Contract()
            let documented = contract.document["components"]["schemas"]["ProblemCode"]["enum"].list.compactMap(\.text)
            let page = packageFolder.appendingPathComponent("api-spec/problems.md")
            let explained = try String(contentsOf: page, encoding: .utf8)
            for code in Problem.Code.allCases {
                #expect(documented.contains(code.rawValue), "\(code.rawValue) is not in openapi.yaml")
                #expect(
                    explained.contains("| \(code.status.code) | `\(code.rawValue)` |"),
                    "\(code.rawValue) is not in problems.md"
                )
            }
        }

        @Test func everyReasonOfAFailedDownloadIsExplained() throws {
            let page = packageFolder.appendingPathComponent("api-spec/problems.md")
            let explained = try String(contentsOf: page, encoding: .utf8)
            let reasons = try #require(explained.split(separator: "## `error.code` of a failed download").last)
            for code in DownloadFailure.Code.allCases { #expect(reasons.contains("| `\(code.rawValue)` |"), "\(code)") }
        }

        @Test(arguments: ExampleFile.names)
        func everyAnswerIsDocumented(_ name: String) async throws {
            let contract = try Contract()
            let file = try ExampleFile(named: name)
            let exchanged = try await EndToEndFixture.run { gateway in
                try await ExampleReplay(gateway).replay(file)
            }
            for one in exchanged {
                guard let operation = contract.operation(one.method, one.path) else {
                    #expect([404, 405].contains(one.answer.status), "\(one.example): no operation")
                    continue
                }
                let types = contract.types(of: operation, status: one.answer.status)
                #expect(types != nil, "\(one.example): \(one.answer.status) is not documented")
                let own = one.answer.type
                let isKnown = types.map { $0.contains(own) || $0.contains("*/*") || $0.isEmpty && own.isEmpty } ?? false
                let isBodiless = one.method == "HEAD" || one.answer.body.readableBytes == 0
                #expect(isKnown || isBodiless, "\(one.example): \(own) is not documented for \(one.answer.status)")
            }
        }
    }
}

/// For a gateway without providers.
private struct NoFactory: ProviderFactory {
    func problems(in configuration: ProviderConfiguration) -> [FieldProblem] { [] }
    func makeEntry(
        _ configuration: ProviderConfiguration,
        keepingCredentialStatesOf previous: ProviderSet.Entry?
    ) throws(FieldProblem) -> ProviderSet.Entry {
        throw FieldProblem(field: "kind", message: "there is none")
    }
    func origin(of configuration: ProviderConfiguration) -> String? { nil }
    func credentialFields(of kind: String) -> [String]? { nil }
}

/// `api-spec/openapi.yaml`, read by itself.
private struct Contract {
    static var text: String {
        get throws {
            let file = packageFolder.appendingPathComponent("api-spec/openapi.yaml")
            return try String(contentsOf: file, encoding: .utf8)
        }
    }

    let document: JSONValue
    /// By method and path.
    let operations: [String: JSONValue]

    init() throws {
        self.document = Self.value(try Yams.compose(yaml: try Self.text))
        var operations: [String: JSONValue] = [:]
        if case .object(let paths) = self.document["paths"] {
            for (path, item) in paths {
                for method in ["get", "head", "post", "put", "patch", "delete"] where item[method] != .null {
                    operations["\(method.uppercased()) \(path)"] = item[method]
                }
            }
        }
        self.operations = operations
    }

    func operation(_ method: String, _ path: String) -> JSONValue? {
        let parts = path.split(separator: "/")
        return self.operations.first { name, _ in
            let words = name.split(separator: " ")
            let pattern = words[1].split(separator: "/")
            return words[0] == method && pattern.count == parts.count
                && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }?
        .value
    }

    /// The media types of an answer; `nil` where the status is not documented by itself.
    func types(of operation: JSONValue, status: Int) -> Set<String>? {
        let response = self.resolved(operation["responses"][String(status)])
        guard case .object = response else { return nil }
        guard case .object(let content) = response["content"] else { return [] }
        return Set(content.keys)
    }

    private func resolved(_ value: JSONValue) -> JSONValue {
        guard let reference = value["$ref"].text else { return value }
        return reference.split(separator: "/").dropFirst().reduce(self.document) { $0[String($1)] }
    }

    static func value(_ node: Node?) -> JSONValue {
        switch node {
        case .mapping(let mapping):
            .object(Dictionary(mapping.map { ($0.key.string ?? "", Self.value($0.value)) }, uniquingKeysWith: { $1 }))
        case .sequence(let sequence): .array(sequence.map { Self.value($0) })
        case .scalar(let scalar): Self.plain(scalar)
        case .alias, .none: .null
        }
    }

    private static func plain(_ scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null": return .null
        case "true": return true
        case "false": return false
        default:
            if let number = Int64(scalar.string) { return .integer(number) }
            return Double(scalar.string).map { .number($0) } ?? .string(scalar.string)
        }
    }
}
