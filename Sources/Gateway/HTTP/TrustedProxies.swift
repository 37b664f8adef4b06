// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

/// Finds the client's address behind the proxies that the operator trusts; nobody else is believed.
struct TrustedProxies: Sendable {
    /// Where they are.
    let ranges: [AddressRange]

    /// How many hops are looked at.
    static let longestChain = 32

    /// The address of who asked: the connection's other end, unless that is a trusted proxy.
    ///
    /// A trusted proxy is believed what it says of who asked *it*, and so on, from the last hop to the first: the address is
    /// the last one that is no trusted proxy. What is malformed is not looked behind; then the address is that of the proxy
    /// which passed it on. `Forwarded` (RFC 7239) counts only where there is no `X-Forwarded-For`.
    func clientAddress(peer: SocketAddress?, headers: HTTPFields) -> String? {
        guard let peer, var address = IPAddress(peer) else { return nil }
        guard !self.ranges.isEmpty, self.isTrusted(address) else { return address.description }
        for hop in Self.hops(headers).suffix(Self.longestChain).reversed() {
            guard let hop, let next = Self.address(of: hop) else { break }
            address = next
            guard self.isTrusted(address) else { break }
        }
        return address.description
    }

    /// Those of the fields that an address is found by.
    static func fields(of headers: HTTPFields) -> HTTPFields {
        HTTPFields(headers.filter { $0.name == .forwardedFor || $0.name == .forwarded })
    }

    func isTrusted(_ address: IPAddress) -> Bool { self.ranges.contains { $0.contains(address) } }

    /// What each proxy wrote of who asked it, in the order of the way here; `nil` where it is malformed.
    private static func hops(_ headers: HTTPFields) -> [Substring?] {
        if let list = headers.joined(.forwardedFor) {
            return list.split(separator: ",", omittingEmptySubsequences: false)
        }
        return self.split(headers.joined(.forwarded)?[...] ?? "", at: ",").map(self.forValue)
    }

    /// The value of `for` in an element of `Forwarded`; `nil` where there is not just one, or anything in it is malformed.
    private static func forValue(_ element: Substring) -> Substring? {
        var values: [Substring] = []
        for pair in self.split(element, at: ";") where !pair.trimmingBlanks().isEmpty {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmingBlanks()
            guard parts.count == 2, let value = self.unquoted(parts[1].trimmingBlanks()), !name.contains("\"") else {
                return nil
            }
            if name.lowercased() == "for" { values.append(value) }
        }
        return values.count == 1 ? values.first : nil
    }

    /// A token, or what is in the quotes; a quote that a client left open for the proxy's own text to close is malformed.
    private static func unquoted(_ value: String) -> Substring? {
        let isQuoted = value.count > 1 && value.hasPrefix("\"") && value.hasSuffix("\"")
        let inner = isQuoted ? value.dropFirst().dropLast() : value[...]
        return inner.contains { $0 == "\"" || $0 == "\\" } ? nil : inner
    }

    /// Splits where the separator does not stand in quotes; what begins a quote and does not end it is not split.
    private static func split(_ text: Substring, at separator: Character) -> [Substring] {
        var isQuoted = false
        var isEscaped = false
        return text.split(omittingEmptySubsequences: false) { character in
            if isEscaped {
                isEscaped = false
            } else if character == "\"" {
                isQuoted.toggle()
            } else {
                isEscaped = isQuoted && character == "\\"
            }
            return character == separator && !isQuoted
        }
    }

    /// `192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:8080`; anything else is `nil`.
    private static func address(of hop: Substring) -> IPAddress? {
        let hop = hop.trimmingBlanks()
        if let address = IPAddress(hop) { return address }
        let isBracketed = hop.hasPrefix("[")
        let parts = hop.dropFirst(isBracketed ? 1 : 0)
            .split(separator: isBracketed ? "]" : ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].contains(":") == isBracketed else { return nil }
        let hasPort = !isBracketed || !parts[1].isEmpty
        guard !hasPort || Self.isPort(isBracketed ? parts[1] : ":" + parts[1]) else { return nil }
        return IPAddress(parts[0])
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.hasPrefix(":") && (2...6).contains(text.utf8.count)
            && text.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }
}

extension HTTPField.Name {
    fileprivate static let forwardedFor = HTTPField.Name("X-Forwarded-For") ?? .server
    fileprivate static let forwarded = HTTPField.Name("Forwarded") ?? .server
}
