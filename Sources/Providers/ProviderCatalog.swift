// SPDX-License-Identifier: Apache-2.0

public import Downloads
import Foundation
public import Logging
public import Transfer

/// The one list of adapters: turns what an operator configured into providers.
public struct ProviderCatalog: Sendable {
    /// The adapters; to add one, add its settings here.
    private static let adapters: [any AdapterSettings.Type] = [
        AnchorSettings.self, BrowserbaseSettings.self, HoodySettings.self, NotteSettings.self, VagonSettings.self,
    ]

    /// The kind whose files the gateway fetches itself.
    ///
    /// The contract's configuration names it; its adapter needs the gateway's own job store, so that until then it is
    /// known here and always `unconfigured`.
    private static let webKind = "web"

    private let environment: AdapterEnvironment
    private let retry: RetryPolicy
    private let logger: Logger

    /// Creates a catalogue whose providers use `transfer`.
    public init(transfer: TransferClient, limits: TransferLimits, retry: RetryPolicy = RetryPolicy(), logger: Logger) {
        self.init(AdapterEnvironment(transfer: transfer, limits: limits), retry: retry, logger: logger)
    }

    /// Creates a catalogue with the time, chance and waiting of `environment`.
    init(_ environment: AdapterEnvironment, retry: RetryPolicy, logger: Logger) {
        self.environment = environment
        self.retry = retry
        self.logger = logger
    }

    /// The kinds that there are.
    public static let kinds: [String] = (Self.adapters.map { $0.kind } + [Self.webKind]).sorted()

    /// Everything that is wrong with a configuration; empty: an entry can be made of it.
    public static func problems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        if configuration.kind == self.webKind { return [] }
        guard let adapter = self.adapter(for: configuration) else { return [self.unknownKind] }
        return adapter.problems(in: configuration)
    }

    /// The provider in its layers; without a usable credential an `unconfigured` entry.
    public func makeEntry(_ configuration: ProviderConfiguration) throws(FieldProblem) -> ProviderSet.Entry {
        if let problem = Self.problems(in: configuration).first { throw problem }
        guard configuration.kind != Self.webKind else {
            return self.entry(configuration, baseURL: "", capabilities: Capabilities(), provider: nil)
        }
        guard let adapter = Self.adapter(for: configuration) else { throw Self.unknownKind }
        let settings = adapter.init(configuration)
        return self.entry(
            configuration,
            baseURL: settings?.shownBaseURL ?? adapter.form.defaultBaseURL ?? "",
            capabilities: adapter.capabilities(configuration),
            provider: settings?.makeProvider(configuration.id, in: self.environment)
        )
    }

    private func entry(
        _ configuration: ProviderConfiguration,
        baseURL: String,
        capabilities: Capabilities,
        provider: (any Provider)?
    ) -> ProviderSet.Entry {
        let health = ProviderHealth(configured: provider != nil)
        return ProviderSet.Entry(
            id: configuration.id,
            kind: configuration.kind,
            baseURL: baseURL,
            capabilities: capabilities,
            provider: provider.map { self.layered($0, health: health) },
            health: health
        )
    }

    private func layered(_ provider: any Provider, health: ProviderHealth) -> any Provider {
        ObservedProvider(
            RetryingProvider(CheckedProvider(provider), policy: self.retry),
            health: health,
            logger: self.logger,
            now: self.environment.now
        )
    }

    private static func adapter(for configuration: ProviderConfiguration) -> (any AdapterSettings.Type)? {
        self.adapters.first { $0.kind == configuration.kind }
    }

    private static var unknownKind: FieldProblem {
        FieldProblem(field: "kind", message: "is unknown; there is: \(self.kinds.joined(separator: ", "))")
    }
}
