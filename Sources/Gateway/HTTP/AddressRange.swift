// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// An IPv4 or IPv6 address; IPv4 that is written as IPv6 (`::ffff:0:0/96`) counts as IPv4.
struct IPAddress: Hashable, Sendable {
    /// 4 or 16.
    let bytes: [UInt8]
    /// The one text that stands for it.
    let description: String

    /// Reads four decimal parts, or the forms of RFC 4291; a name, a zone or a port is `nil`.
    init?(_ text: some StringProtocol) {
        guard (2...45).contains(text.utf8.count), text.utf8.allSatisfy(Self.isAddressByte),
            let address = try? SocketAddress(ipAddress: String(text), port: 0)
        else { return nil }
        self.init(address)
    }

    /// The address of a connection's other end; `nil` where it is no IP.
    init?(_ address: SocketAddress) {
        let bytes: [UInt8]
        switch address {
        case .v4(let v4): bytes = withUnsafeBytes(of: v4.address.sin_addr) { Array($0) }
        case .v6(let v6): bytes = withUnsafeBytes(of: v6.address.sin6_addr) { Array($0) }
        case .unixDomainSocket: return nil
        }
        let isMapped = bytes.starts(with: Self.mappedPrefix)
        self.bytes = isMapped ? Array(bytes.dropFirst(Self.mappedPrefix.count)) : bytes
        // A zone is a matter of this machine, and no part of the address.
        let text = address.ipAddress.map { $0.prefix { $0 != "%" } } ?? ""
        self.description = isMapped ? self.bytes.map(String.init).joined(separator: ".") : String(text)
    }

    private static let mappedPrefix = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// A network in CIDR form, or one address.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let base: IPAddress
    private let length: Int

    /// Reads `10.0.0.0/8`, `2001:db8::/32` or an address alone; `nil` for anything else, and for all addresses at once (`/0`).
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, let base = IPAddress(first) else { return nil }
        let bits = base.bytes.count * 8
        self.base = base
        guard parts.count == 2 else {
            self.length = bits
            return
        }
        // The length of a network of mapped addresses counts the 96 bits in front of the IPv4 address.
        let isMapped = bits == 32 && first.contains(":")
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(parts[1]),
            (1...bits).contains(number - (isMapped ? 96 : 0))
        else { return nil }
        self.length = number - (isMapped ? 96 : 0)
    }

    /// In CIDR form.
    public var description: String { "\(self.base.description)/\(self.length)" }

    /// Whether the address lies in it; an IPv4 network holds no IPv6 address, and the other way round.
    func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == self.base.bytes.count else { return false }
        return zip(address.bytes, self.base.bytes).enumerated().allSatisfy { index, pair in
            let bits = min(max(self.length - index * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            return pair.0 & mask == pair.1 & mask
        }
    }
}
