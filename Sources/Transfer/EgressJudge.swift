// SPDX-License-Identifier: Apache-2.0

/// An ``EgressPolicy`` with its texts read: judges origins before, and addresses while connecting.
///
/// It answers with the reason of a refusal, fit for logs and metrics, or `nil`.
struct EgressJudge: Sendable {
    private let allowed: [IPNetwork]
    private let allowsHTTP: Bool
    private let allowedDomains: [Domain]?
    private let blockedDomains: [Domain]
    private var listeners: [(address: IPAddress, port: Int)] = []
    private let localAddresses: @Sendable () -> [IPAddress]

    /// Reads the policy; `localAddresses` tells this machine's own, asked only where a wildcard listener makes it matter.
    init(_ policy: EgressPolicy, localAddresses: @escaping @Sendable () -> [IPAddress] = { IPAddress.local() }) {
        self.allowed = policy.allowAddresses.compactMap(IPNetwork.init)
        self.allowsHTTP = policy.allowHTTP
        // An allow list that cannot be read still is one: it allows nothing.
        self.allowedDomains = policy.allowDomains.isEmpty ? nil : policy.allowDomains.compactMap(Domain.init)
        self.blockedDomains = policy.blockDomains.compactMap(Domain.init)
        self.localAddresses = localAddresses
        self.setListeners(policy.ownListeners)
    }

    /// Reads another policy; the listeners stay those of `previous`.
    init(_ policy: EgressPolicy, after previous: EgressJudge) {
        self.init(policy, localAddresses: previous.localAddresses)
        self.listeners = previous.listeners
    }

    /// Replaces the listeners of this process.
    mutating func setListeners(_ listeners: [EgressPolicy.Listener]) {
        self.listeners = listeners.compactMap { listener in
            IPAddress(listener.address).map { ($0.unmapped, listener.port) }
        }
    }

    /// Judges what is known before the name is resolved, for an origin that is not trusted.
    func refusal(of origin: Origin) -> String? {
        if origin.scheme == "http", !self.allowsHTTP { return "http" }
        if self.blockedDomains.contains(where: { $0.covers(origin.host) }) { return "domain" }
        if let allowed = self.allowedDomains, !allowed.contains(where: { $0.covers(origin.host) }) { return "domain" }
        return nil
    }

    /// Judges a resolved address; a trusted origin may have any but that of one of our own listeners.
    func refusal(of address: IPAddress, port: Int, isTrusted: Bool) -> String? {
        if self.isOwnListener(address.unmapped, port: port) { return "own-listener" }
        if isTrusted || self.allowed.contains(where: { $0.contains(address) }) { return nil }
        return AddressClass.of(address)?.rawValue
    }

    private func isOwnListener(_ address: IPAddress, port: Int) -> Bool {
        let candidates = self.listeners.filter { $0.port == port }
        guard !candidates.isEmpty else { return false }
        // The kernel takes a connection to the unspecified address for one to this machine.
        if address.isUnspecified || candidates.contains(where: { $0.address == address }) { return true }
        guard candidates.contains(where: { $0.address.isUnspecified }) else { return false }
        return AddressClass.of(address) == .loopback || self.localAddresses().contains { $0.unmapped == address }
    }
}

extension IPAddress {
    /// Whether it is `0.0.0.0` or `::`.
    var isUnspecified: Bool { self.bytes.allSatisfy { $0 == 0 } }
}
