// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transfer

@Suite
struct AddressClassTests {
    private static let table: [(String, AddressClass?)] = [
        ("0.0.0.0", .unspecified), ("0.0.0.1", .thisNetwork), ("0.255.255.255", .thisNetwork), ("1.0.0.0", nil),
        ("9.255.255.255", nil), ("10.0.0.0", .privateUse), ("10.255.255.255", .privateUse), ("11.0.0.0", nil),
        ("100.63.255.255", nil), ("100.64.0.0", .carrierNAT), ("100.100.100.200", .metadata),
        ("100.127.255.255", .carrierNAT),
        ("100.128.0.0", nil), ("126.255.255.255", nil), ("127.0.0.0", .loopback), ("127.255.255.255", .loopback),
        ("128.0.0.0", nil),
        ("169.253.255.255", nil), ("169.254.0.0", .linkLocal), ("169.254.169.254", .metadata),
        ("169.254.255.255", .linkLocal),
        ("169.255.0.0", nil), ("172.15.255.255", nil), ("172.16.0.0", .privateUse), ("172.31.255.255", .privateUse),
        ("172.32.0.0", nil), ("191.255.255.255", nil), ("192.0.0.0", .protocolAssignments),
        ("192.0.0.255", .protocolAssignments),
        ("192.0.1.0", nil), ("192.0.2.0", .documentation), ("192.0.2.255", .documentation), ("192.0.3.0", nil),
        ("192.88.99.1", .sixToFour), ("192.167.255.255", nil), ("192.168.0.0", .privateUse),
        ("192.168.255.255", .privateUse),
        ("192.169.0.0", nil), ("198.17.255.255", nil), ("198.18.0.0", .benchmarking), ("198.19.255.255", .benchmarking),
        ("198.20.0.0", nil), ("198.51.99.255", nil), ("198.51.100.0", .documentation), ("198.51.101.0", nil),
        ("203.0.112.255", nil), ("203.0.113.0", .documentation), ("203.0.114.0", nil), ("223.255.255.255", nil),
        ("224.0.0.0", .multicast), ("239.255.255.255", .multicast), ("240.0.0.0", .reserved),
        ("255.255.255.254", .reserved),
        ("255.255.255.255", .broadcast), ("8.8.8.8", nil), ("93.184.216.34", nil),
        ("::", .unspecified), ("::1", .loopback), ("::2", .compatibleV4), ("::127.0.0.1", .compatibleV4),
        ("::ffff:127.0.0.1", .mappedV4), ("::ffff:8.8.8.8", .mappedV4), ("::ffff:0:7f00:1", .reserved),
        ("64:ff9b::7f00:1", .nat64), ("64:ff9b:1::1", .nat64), ("64:ff9b:2::1", .reserved), ("100::1", .discardOnly),
        ("100:0:0:1::1", .reserved), ("1fff::1", .reserved), ("2000::1", nil), ("2001::1", .teredo),
        ("2001:0:7f00:1::1", .teredo),
        ("2001:1::1", .protocolAssignments), ("2001:2::1", .benchmarking), ("2001:10::1", .protocolAssignments),
        ("2001:20::1", .protocolAssignments), ("2001:1ff::1", .protocolAssignments), ("2001:200::1", nil),
        ("2001:db7::1", nil),
        ("2001:db8::1", .documentation), ("2001:db9::1", nil), ("2002:7f00:1::", .sixToFour), ("2003::1", nil),
        ("2606:4700:4700::1111", nil), ("3ffe::1", nil), ("3fff::1", .documentation), ("3fff:fff::1", .documentation),
        ("3fff:1000::1", nil), ("4000::1", .reserved), ("5f00::1", .reserved), ("fbff::1", .reserved),
        ("fc00::1", .uniqueLocal),
        ("fd00:ec2::254", .metadata), ("fdff::1", .uniqueLocal), ("fe00::1", .reserved), ("fe80::1", .linkLocal),
        ("febf::1", .linkLocal), ("fec0::1", .siteLocal), ("feff::1", .siteLocal), ("ff02::1", .multicast),
        ("ffff::1", .multicast),
    ]

    @Test func eachAddressHasItsClass() throws {
        for (text, expected) in Self.table {
            let address = try #require(IPAddress(text), "\(text)")
            #expect(AddressClass.of(address) == expected, "\(text)")
        }
    }

    @Test func eachClassIsInTheTable() {
        #expect(Set(Self.table.compactMap(\.1)) == Set(AddressClass.allCases))
    }

    @Test func allowedNetworksMayHaveAnyClass() throws {
        let judge = EgressJudge(EgressPolicy(allowAddresses: ["10.1.0.0/16", "::1", "fd00::/8", "127.0.0.1/32"]))
        let cases: [(String, String?)] = [
            ("10.1.2.3", nil), ("10.2.2.3", "private"), ("::1", nil), ("fd12::1", nil), ("fc12::1", "unique-local"),
            ("127.0.0.1", nil), ("127.0.0.2", "loopback"), ("::ffff:10.1.2.3", "v4-mapped"),
        ]
        for (text, expected) in cases {
            let address = try #require(IPAddress(text))
            #expect(judge.refusal(of: address, port: 443, isTrusted: false) == expected, "\(text)")
            #expect(judge.refusal(of: address, port: 443, isTrusted: true) == nil)
        }
    }

    @Test(arguments: [
        "127.1", "0x7f.0.0.1", "0177.0.0.1", "1.2.3", "1.2.3.4.5", "", "::1::", "[::1]", "1.2.3.256", " 1.2.3.4", "a",
    ])
    func onlyTheCanonicalFormsAreRead(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func networksCompareTheirPrefixOnly() throws {
        let cases: [(String, String, Bool)] = [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/9", "10.128.0.1", false), ("1.2.3.4/32", "1.2.3.4", true),
            ("1.2.3.4/31", "1.2.3.5", true), ("1.2.3.4/32", "1.2.3.5", false), ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "::1", false), ("::/0", "1.1.1.1", false), ("2001:db8::/33", "2001:db8:8000::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
        ]
        for (network, address, expected) in cases {
            let (network, address) = (try #require(IPNetwork(network)), try #require(IPAddress(address)))
            #expect(network.contains(address) == expected, "\(network) \(address)")
        }
    }
}
