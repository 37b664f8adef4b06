// SPDX-License-Identifier: Apache-2.0

/// The configured providers, in the order of the configuration.
public struct ProviderSet: Sendable {
    /// One configured provider, or the place of one whose credentials are missing.
    public struct Entry: Sendable {
        /// Its name.
        public let id: ProviderID
        /// Which adapter it is.
        public let kind: String
        /// Where it is asked.
        public let baseURL: String
        /// What it promises.
        public let capabilities: Capabilities
        /// The provider, wrapped in its layers; `nil` where it has no usable credential (`unconfigured`).
        public let provider: (any Provider)?
        /// What is known of how it does.
        public let health: ProviderHealth
        /// How each of its credentials does now, in their order.
        public let credentials: @Sendable () -> [CredentialStatus]
        /// Moves when the provider may from now on show other things than before: answers of an earlier epoch are not its own.
        public var epoch = 0

        /// Creates an entry.
        public init(
            id: ProviderID,
            kind: String,
            baseURL: String,
            capabilities: Capabilities,
            provider: (any Provider)?,
            health: ProviderHealth,
            credentials: @escaping @Sendable () -> [CredentialStatus] = { [] }
        ) {
            self.id = id
            self.kind = kind
            self.baseURL = baseURL
            self.capabilities = capabilities
            self.provider = provider
            self.health = health
            self.credentials = credentials
        }
    }

    /// All of them.
    public let entries: [Entry]

    private let byID: [ProviderID: Entry]

    /// Creates a set; of two entries with one name, the first counts.
    public init(_ entries: [Entry]) {
        self.byID = Dictionary(entries.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.entries = entries
    }

    /// The entry with a name.
    public subscript(_ id: ProviderID) -> Entry? { self.byID[id] }
}
