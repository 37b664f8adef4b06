// SPDX-License-Identifier: Apache-2.0

import Foundation

/// An IPv4 or IPv6 address as bytes: what the kernel connects to, whatever text it came from.
struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes, in network order.
    let bytes: [UInt8]

    var isV4: Bool { self.bytes.count == 4 }

    /// An address from its bytes; `nil` unless there are 4 or 16.
    init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads the canonical text forms only: four decimal parts, or RFC 4291 with an optional zone, which is left out.
    init?(_ text: String) {
        let plain = text.split(separator: "%", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        var v4 = in_addr()
        var v6 = in6_addr()
        if unsafe inet_pton(AF_INET, plain, &v4) == 1 {
            self.bytes = unsafe withUnsafeBytes(of: v4) { raw in unsafe Array(raw) }
        } else if unsafe inet_pton(AF_INET6, plain, &v6) == 1 {
            self.bytes = unsafe withUnsafeBytes(of: v6) { raw in unsafe Array(raw) }
        } else {
            return nil
        }
    }

    /// The address in a socket address of the internet families; `nil` for any other family.
    init?(_ address: UnsafePointer<sockaddr>) {
        switch unsafe Int32(address.pointee.sa_family) {
        case AF_INET:
            self.bytes = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { v4 in
                unsafe withUnsafeBytes(of: v4.pointee.sin_addr) { raw in unsafe Array(raw) }
            }
        case AF_INET6:
            self.bytes = unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { v6 in
                unsafe withUnsafeBytes(of: v6.pointee.sin6_addr) { raw in unsafe Array(raw) }
            }
        default: return nil
        }
    }

    /// The IPv4 address in `::ffff:0:0/96`, which Linux connects to as such; any other address as it is.
    var unmapped: IPAddress {
        guard !self.isV4, self.bytes.prefix(10).allSatisfy({ $0 == 0 }), self.bytes[10...11].allSatisfy({ $0 == 255 })
        else {
            return self
        }
        return IPAddress(bytes: Array(self.bytes.suffix(4))) ?? self
    }

    /// For messages.
    var description: String {
        if self.isV4 { return self.bytes.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { index in
            String(UInt16(self.bytes[index]) << 8 | UInt16(self.bytes[index + 1]), radix: 16)
        }
        return groups.joined(separator: ":")
    }

    /// The addresses of this machine's interfaces now.
    static func local() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return [] }
        defer { unsafe freeifaddrs(first) }
        var found: [IPAddress] = []
        var next = unsafe first
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ifa_addr, let address = unsafe IPAddress(address) {
                found.append(address)
            }
            unsafe next = entry.pointee.ifa_next
        }
        return found
    }
}

/// A network in CIDR form.
struct IPNetwork: Hashable, Sendable {
    let base: IPAddress
    let length: Int

    /// Reads `address/length`, or an address alone as a network of one; `nil` for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, !first.contains("%"), let base = IPAddress(String(first)) else { return nil }
        let bits = base.bytes.count * 8
        guard parts.count > 1 else {
            (self.base, self.length) = (base, bits)
            return
        }
        let digits = parts[1]
        guard digits.allSatisfy({ ("0"..."9").contains($0) }), let length = Int(digits), length <= bits else {
            return nil
        }
        (self.base, self.length) = (base, length)
    }

    /// Whether the address lies in it; an IPv4 network holds no IPv6 address and the other way round.
    func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == self.base.bytes.count else { return false }
        return zip(address.bytes, self.base.bytes).enumerated().allSatisfy { index, pair in
            let bits = min(max(self.length - index * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            return pair.0 & mask == pair.1 & mask
        }
    }
}
