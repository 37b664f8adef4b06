// SPDX-License-Identifier: Apache-2.0

/// A provider as the operator wrote it down, before an adapter has read it.
public struct ProviderConfiguration: Hashable, Sendable {
    /// Its name.
    public var id: ProviderID
    /// Which adapter it is for.
    public var kind: String
    /// Where it is asked; `nil` or empty: the vendor's address.
    public var baseURL: String?
    /// Its credentials; several are used in turn.
    public var credentials: [ProviderCredential]
    /// The other settings of the kind, under their names in the file.
    public var settings: [String: JSONValue]

    /// Creates a configuration.
    public init(
        id: ProviderID,
        kind: String,
        baseURL: String? = nil,
        credentials: [ProviderCredential] = [],
        settings: [String: JSONValue] = [:]
    ) {
        self.id = id
        self.kind = kind
        self.baseURL = baseURL
        self.credentials = credentials
        self.settings = settings
    }
}

/// A fault in what somebody wrote: where, and what would be right.
public struct FieldProblem: Error, Hashable, Sendable {
    /// The field, as a path: `credentials[0].apiKey`.
    public var field: String
    /// What is wrong with it and what would be right; holds no secret.
    public var message: String

    /// Creates a problem.
    public init(field: String, message: String) {
        self.field = field
        self.message = message
    }
}
