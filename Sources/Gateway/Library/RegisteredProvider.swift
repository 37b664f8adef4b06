// SPDX-License-Identifier: Apache-2.0

public import Downloads

/// A provider as it is served, with what it was made of.
public struct RegisteredProvider: Sendable {
    /// Where it was configured.
    public enum Source: String, Sendable {
        /// In the configuration file: read-only at run time, but for credentials that are added to its own.
        case file
        /// Over the API.
        case api
    }

    /// Where it was configured.
    public let source: Source
    /// What is asked.
    public var entry: ProviderSet.Entry
    /// Address, settings, and every credential that is used: those of the file first.
    let configuration: ProviderConfiguration
    /// Which of the credentials were added over the API.
    let storedIDs: Set<String>
    /// Credentials of the store that could not be opened here.
    let refused: [CredentialStatus]

    var id: ProviderID { self.configuration.id }

    /// Whether it was made of the same.
    func isSame(as other: RegisteredProvider) -> Bool {
        self.source == other.source && self.configuration == other.configuration && self.storedIDs == other.storedIDs
            && self.refused.map(\.id) == other.refused.map(\.id)
    }

    /// How each credential does, the unusable ones last.
    public var credentials: [CredentialStatus] {
        let known = Dictionary(self.entry.credentials().map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return self.configuration.credentials.map { known[$0.id] ?? CredentialStatus(of: $0) } + self.refused
    }

    /// Whether credentials of the store hang on it, usable or not.
    var hasStoredCredentials: Bool { !self.storedIDs.isEmpty || !self.refused.isEmpty }
}

extension CredentialStatus {
    /// The status of a credential of the store that cannot be opened.
    init(unreadable row: StoredCredential) {
        self.init(of: ProviderCredential(id: row.id, label: row.label, fields: [:]))
        self.fingerprint = row.fingerprint
        self.state = .refused
    }
}
