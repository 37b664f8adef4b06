// SPDX-License-Identifier: Apache-2.0

/// Why an address is not a public one.
///
/// Sources: the IANA special-purpose address registries (RFC 6890 and what followed), and the cloud vendors' pages for the
/// metadata services.
enum AddressClass: String, CaseIterable, Sendable {
    case unspecified
    case thisNetwork = "this-network"
    case loopback
    case privateUse = "private"
    case carrierNAT = "carrier-nat"
    case linkLocal = "link-local"
    case metadata
    case protocolAssignments = "protocol-assignments"
    case documentation
    case benchmarking
    case multicast
    case broadcast
    case reserved
    case mappedV4 = "v4-mapped"
    case compatibleV4 = "v4-compatible"
    case nat64
    case sixToFour = "6to4"
    case teredo
    case uniqueLocal = "unique-local"
    case siteLocal = "site-local"
    case discardOnly = "discard"

    /// The first class in the table that holds the address; `nil` for a public one.
    static func of(_ address: IPAddress) -> AddressClass? {
        if let found = self.table.first(where: { $0.network.contains(address) }) { return found.kind }
        // Only 2000::/3 is given out for global unicast: what is not known here is not public.
        return address.isV4 || self.globalUnicast.contains(where: { $0.contains(address) }) ? nil : .reserved
    }

    private static let globalUnicast = [IPNetwork("2000::/3")].compactMap(\.self)

    /// Narrow before wide: the first that holds an address names it.
    private static let table: [(network: IPNetwork, kind: AddressClass)] = [
        ("169.254.169.254/32", .metadata), ("100.100.100.200/32", .metadata), ("fd00:ec2::254/128", .metadata),
        ("0.0.0.0/32", .unspecified), ("0.0.0.0/8", .thisNetwork), ("127.0.0.0/8", .loopback),
        ("10.0.0.0/8", .privateUse), ("172.16.0.0/12", .privateUse), ("192.168.0.0/16", .privateUse),
        ("100.64.0.0/10", .carrierNAT), ("169.254.0.0/16", .linkLocal), ("192.0.0.0/24", .protocolAssignments),
        ("192.0.2.0/24", .documentation), ("198.51.100.0/24", .documentation), ("203.0.113.0/24", .documentation),
        ("192.88.99.0/24", .sixToFour), ("198.18.0.0/15", .benchmarking), ("224.0.0.0/4", .multicast),
        ("255.255.255.255/32", .broadcast), ("240.0.0.0/4", .reserved),
        ("::/128", .unspecified), ("::1/128", .loopback), ("::ffff:0:0/96", .mappedV4), ("::/96", .compatibleV4),
        ("64:ff9b::/96", .nat64), ("64:ff9b:1::/48", .nat64), ("100::/64", .discardOnly),
        ("2001::/32", .teredo), ("2001:2::/48", .benchmarking), ("2001:db8::/32", .documentation),
        ("3fff::/20", .documentation), ("2001::/23", .protocolAssignments), ("2002::/16", .sixToFour),
        ("fc00::/7", .uniqueLocal), ("fe80::/10", .linkLocal), ("fec0::/10", .siteLocal), ("ff00::/8", .multicast),
    ].compactMap { text, kind in IPNetwork(text).map { ($0, kind) } }
}
