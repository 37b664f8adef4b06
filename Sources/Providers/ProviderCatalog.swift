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
        WebSettings.self,
    ]

    private let environment: AdapterEnvironment
    private let retry: RetryPolicy
    private let breaker: CircuitBreaker.Policy
    private let logger: Logger

    /// Creates a catalogue whose providers use `transfer`.
    public init(
        transfer: TransferClient,
        limits: TransferLimits,
        web: WebEnvironment = WebEnvironment(),
        retry: RetryPolicy = RetryPolicy(),
        breaker: CircuitBreaker.Policy = CircuitBreaker.Policy(),
        logger: Logger
    ) {
        let environment = AdapterEnvironment(transfer: transfer, limits: limits, web: web)
        self.init(environment, retry: retry, breaker: breaker, logger: logger)
    }

    /// Creates a catalogue with the time, chance and waiting of `environment`.
    init(
        _ environment: AdapterEnvironment,
        retry: RetryPolicy,
        breaker: CircuitBreaker.Policy = CircuitBreaker.Policy(),
        logger: Logger
    ) {
        self.environment = environment
        self.retry = retry
        self.breaker = breaker
        self.logger = logger
    }

    /// The kinds that there are.
    public static let kinds: [String] = Self.adapters.map { $0.kind }.sorted()

    /// Everything that is wrong with a configuration; empty: an entry can be made of it.
    public static func problems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        guard let adapter = self.adapter(for: configuration) else { return [self.unknownKind] }
        return adapter.problems(in: configuration)
    }

    /// The provider in its layers; without a usable credential an `unconfigured` entry.
    ///
    /// A credential that `previous`, an entry of the same upstream, has too goes on as it is there: one that cools still does.
    public func makeEntry(
        _ configuration: ProviderConfiguration,
        keepingCredentialStatesOf previous: ProviderSet.Entry? = nil
    ) throws(FieldProblem) -> ProviderSet.Entry {
        if let problem = Self.problems(in: configuration).first { throw problem }
        guard let adapter = Self.adapter(for: configuration) else { throw Self.unknownKind }
        let settings = adapter.init(configuration)
        let baseURL = adapter.form.address(in: configuration).map { adapter.shown($0) } ?? ""
        // What another upstream said of a credential counts for nothing here.
        let isSame = previous?.kind == configuration.kind && previous?.baseURL == baseURL
        let pool = CredentialPool(
            adapter.form.credentials(in: configuration),
            keeping: isSame ? previous?.credentials() ?? [] : []
        )
        return self.entry(
            configuration,
            pool,
            baseURL: baseURL,
            capabilities: adapter.capabilities(configuration),
            provider: settings?.makeProvider(configuration.id, pool, in: self.environment)
        )
    }

    private func entry(
        _ configuration: ProviderConfiguration,
        _ pool: CredentialPool,
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
            health: health,
            credentials: self.statuses(of: configuration.credentials, in: pool)
        )
    }

    /// How each credential that is not empty does; one that lacks a field is in no pool.
    private func statuses(
        of credentials: [ProviderCredential],
        in pool: CredentialPool
    ) -> @Sendable () -> [CredentialStatus] {
        let written = credentials.filter { !$0.fields.values.allSatisfy(\.isEmpty) }.map { credential in
            var status = CredentialStatus(of: credential)
            status.state = .refused
            return status
        }
        let now = self.environment.now
        return {
            let known = pool.statuses(at: now())
            return written.map { status in known.first { $0.id == status.id } ?? status }
        }
    }

    private func layered(_ provider: any Provider, health: ProviderHealth) -> any Provider {
        let observed = ObservedProvider(
            RetryingProvider(CheckedProvider(provider), policy: self.retry),
            health: health,
            logger: self.logger,
            now: self.environment.now
        )
        return GuardedProvider(observed, breaker: CircuitBreaker(self.breaker))
    }

    private static func adapter(for configuration: ProviderConfiguration) -> (any AdapterSettings.Type)? {
        self.adapters.first { $0.kind == configuration.kind }
    }

    private static var unknownKind: FieldProblem {
        FieldProblem(field: "kind", message: "is unknown; there is: \(self.kinds.joined(separator: ", "))")
    }
}

extension ProviderCatalog: ProviderFactory {
    /// Everything that is wrong with a configuration.
    public func problems(in configuration: ProviderConfiguration) -> [FieldProblem] {
        Self.problems(in: configuration)
    }

    /// The origin of the base URL, the vendor's own where there is none.
    public func origin(of configuration: ProviderConfiguration) -> String? {
        Self.adapter(for: configuration)?.form.address(in: configuration)?.origin.description
    }

    /// The fields that the kind's form names.
    public func credentialFields(of kind: String) -> [String]? {
        Self.adapters.first { $0.kind == kind }?.form.credentialFields
    }
}
