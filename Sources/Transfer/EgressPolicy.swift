// SPDX-License-Identifier: Apache-2.0

/// Which resolved addresses a transfer may connect to, where the operator did not configure the origin.
public struct EgressPolicy: Sendable {
    /// Networks in CIDR form that are allowed although their class is not.
    public var allowAddresses: [String]
    /// Whether plain http is allowed to origins that the operator did not configure.
    public var allowHTTP: Bool
    /// If not empty, the only domains (with their subdomains) that may be asked.
    public var allowDomains: [String]
    /// Domains (with their subdomains) that may never be asked.
    public var blockDomains: [String]

    /// Creates a policy.
    public init(
        allowAddresses: [String] = [],
        allowHTTP: Bool = true,
        allowDomains: [String] = [],
        blockDomains: [String] = []
    ) {
        self.allowAddresses = allowAddresses
        self.allowHTTP = allowHTTP
        self.allowDomains = allowDomains
        self.blockDomains = blockDomains
    }
}
