// SPDX-License-Identifier: Apache-2.0

import Downloads
import Gateway
import Logging
import Providers
import Transfer

/// What a configuration is turned into, beside the gateway itself.
struct Parts: Sendable {
    let configuration: Configuration
    let catalog: ProviderCatalog
    let tokens: JWTVerifier
    let transfer: TransferClient
    let logger: Logger

    /// Makes them; nothing is asked yet.
    ///
    /// Throws ``ConfigurationError`` for what only the parts themselves can judge.
    init(_ configuration: Configuration, logger: Logger) throws {
        let egress = Self.policy(configuration.egress)
        guard egress.problems.isEmpty else {
            throw ConfigurationError(egress.problems.map { FieldProblem(field: "egress", message: $0) })
        }
        let transfer = TransferClient(egress: egress, logger: logger)
        self.catalog = Self.catalog(configuration, storage: configuration.storagePath, transfer, logger)
        self.tokens = try Self.tokens(configuration, transfer, logger)
        self.configuration = configuration
        self.transfer = transfer
        self.logger = logger
    }

    /// Has `gateway` serve by another configuration; throws where that cannot be, and then all stays as it was.
    func apply(_ new: Configuration, in gateway: GatewayApplication, instead old: Configuration) async throws {
        let tokens = try Self.tokens(new, self.transfer, self.logger)
        // A new catalogue makes all providers anew, which forget what they keep in memory.
        let isAlike =
            new.upstream == old.upstream && new.egress.maxBytes == old.egress.maxBytes
            && new.egress.maxRedirects == old.egress.maxRedirects
        // The folder takes a restart.
        let storage = self.configuration.storagePath
        let catalog = isAlike ? nil : Self.catalog(new, storage: storage, self.transfer, self.logger)
        try await gateway.reload(new, factory: catalog, tokens: tokens)
        self.transfer.setEgress(Self.policy(new.egress))
    }

    /// Which addresses may be asked.
    static func policy(_ egress: Configuration.Egress) -> EgressPolicy {
        EgressPolicy(
            allowAddresses: egress.allowAddresses,
            allowHTTP: egress.allowHTTP,
            allowDomains: egress.allowDomains,
            blockDomains: egress.blockDomains
        )
    }

    private static func catalog(
        _ configuration: Configuration,
        storage: String,
        _ transfer: TransferClient,
        _ logger: Logger
    ) -> ProviderCatalog {
        let limits = TransferLimits(
            connect: .seconds(configuration.upstream.connectTimeout),
            firstByte: .seconds(configuration.upstream.firstByteTimeout),
            idle: .seconds(configuration.upstream.idleTimeout)
        )
        let web = WebEnvironment(
            storage: storage,
            maxBytes: configuration.egress.maxBytes,
            maxRedirects: configuration.egress.maxRedirects
        )
        return ProviderCatalog(
            transfer: transfer,
            limits: limits,
            web: web,
            breaker: configuration.upstream.breaker,
            logger: logger
        )
    }

    private static func tokens(
        _ configuration: Configuration,
        _ transfer: TransferClient,
        _ logger: Logger
    ) throws(FieldProblem) -> JWTVerifier {
        try JWTVerifier(configuration.issuers, fetch: KeyFetch(by: transfer), logger: logger)
    }
}
