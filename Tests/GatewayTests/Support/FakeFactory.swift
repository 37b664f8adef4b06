// SPDX-License-Identifier: Apache-2.0

import Downloads
import Logging

/// Makes entries over fake providers; its one kind is `fake`, with `apiKey` in a credential and the setting `colour`.
struct FakeFactory: ProviderFactory {
    /// Providers that need no credential.
    private let configured: [ProviderID: FakeProvider]
    /// Providers that need one.
    private let upstreams: [ProviderID: FakeProvider]

    init(configured: [FakeProvider] = [], upstreams: [FakeProvider] = []) {
        self.configured = Dictionary(configured.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.upstreams = Dictionary(upstreams.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func problems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        guard configuration.kind == "fake" else { return [FieldProblem(field: "kind", message: "is unknown")] }
        var problems: [FieldProblem] = []
        if configuration.baseURL.map({ !$0.hasPrefix("https://") }) ?? false {
            problems.append(FieldProblem(field: "baseURL", message: "must be https"))
        }
        for (index, credential) in configuration.credentials.enumerated() {
            for name in credential.fields.keys.sorted() where name != "apiKey" {
                problems.append(FieldProblem(field: "credentials[\(index)].\(name)", message: "is unknown"))
            }
        }
        for name in configuration.settings.keys.sorted() where name != "colour" {
            problems.append(FieldProblem(field: name, message: "is unknown"))
        }
        return problems
    }

    func makeEntry(
        _ configuration: ProviderConfiguration,
        keepingCredentialStatesOf previous: ProviderSet.Entry?
    ) throws(FieldProblem) -> ProviderSet.Entry {
        if let problem = self.problems(in: configuration).first { throw problem }
        let upstream = configuration.credentials.isEmpty ? nil : self.upstreams[configuration.id]
        let provider = self.configured[configuration.id] ?? upstream
        return ProviderSet.Entry(
            id: configuration.id,
            kind: configuration.kind,
            baseURL: self.address(configuration),
            capabilities: provider?.capabilities ?? Capabilities(),
            provider: provider.map { CheckedProvider($0) },
            health: ProviderHealth(configured: provider != nil)
        )
    }

    func origin(of configuration: ProviderConfiguration) -> String? {
        self.address(configuration).split(separator: "/").prefix(2).joined(separator: "//")
    }

    func credentialFields(of kind: String) -> [String]? { kind == "fake" ? ["apiKey"] : nil }

    private func address(_ configuration: ProviderConfiguration) -> String {
        configuration.baseURL ?? "https://\(configuration.id).example.com"
    }
}

extension Logger {
    /// Says nothing.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
