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
    /// Where this process listens: refused always, also for an origin that the operator configured.
    public var ownListeners: [Listener]

    /// An address and port that this process listens on.
    public struct Listener: Hashable, Sendable {
        /// An IP address; `0.0.0.0` or `::` stands for all addresses of this machine.
        public var address: String
        /// The port.
        public var port: Int

        /// Creates a listener.
        public init(address: String, port: Int) {
            self.address = address
            self.port = port
        }
    }

    /// Creates a policy.
    public init(
        allowAddresses: [String] = [],
        allowHTTP: Bool = true,
        allowDomains: [String] = [],
        blockDomains: [String] = [],
        ownListeners: [Listener] = []
    ) {
        self.allowAddresses = allowAddresses
        self.allowHTTP = allowHTTP
        self.allowDomains = allowDomains
        self.blockDomains = blockDomains
        self.ownListeners = ownListeners
    }

    /// What is wrong with the texts, one sentence each, fit for the operator; empty for a sound policy.
    ///
    /// A network that cannot be read allows nothing, and a blocked domain that cannot be read blocks nothing: do not start with
    /// a policy that has problems.
    public var problems: [String] {
        let networks = self.allowAddresses.filter { IPNetwork($0) == nil }.map {
            "'\($0)' is not a network in CIDR form"
        }
        let domains = (self.allowDomains + self.blockDomains).filter { Domain($0) == nil }.map {
            "'\($0)' is not a domain in ASCII letters (an international name is written in its xn-- form)"
        }
        return networks + domains
    }
}

/// A domain of the policy, in the form that hosts are compared in.
struct Domain: Hashable, Sendable {
    let name: String

    /// Reads a host name; letter case, one leading `*.` or `.` and one trailing dot do not count.
    init?(_ text: String) {
        var name = text.lowercased()[...]
        if name.hasPrefix("*.") { name = name.dropFirst(2) } else if name.hasPrefix(".") { name = name.dropFirst() }
        if name.hasSuffix(".") { name = name.dropLast() }
        let isSound = name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.utf8.allSatisfy { TargetURL.isHostByte($0) }
        }
        guard isSound else { return nil }
        self.name = String(name)
    }

    /// Whether the host is the domain or lies below it.
    func covers(_ host: String) -> Bool {
        host == self.name || host.hasSuffix("." + self.name)
    }
}
