// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Gateway

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.3/8", "10.9.9.9", true),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.0/31", "192.0.2.1", true),
        ("192.0.2.0/31", "192.0.2.2", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("::1", "0:0:0:0:0:0:0:1", true),
        // The same address in both families' clothes.
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ("::ffff:10.0.0.0/104", "11.1.2.3", false), ("::ffff:10.1.2.3", "10.1.2.3", true),
        ("128.0.0.0/1", "2001:db8::1", false), ("8000::/1", "192.0.2.1", false),
    ])
    func holdsWhatLiesInIt(_ range: String, _ address: String, _ isIn: Bool) throws {
        let address = try #require(IPAddress(address))
        #expect(try #require(AddressRange(range)).contains(address) == isIn)
    }

    @Test(arguments: [
        "", "x", "localhost", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "/8",
        "10.0.0/8",
        "2001:db8::/129", "fe80::1%eth0", "010.0.0.1", "0x7f.1", "127.1", "10.0.0.0/99999999999999999999", "[::1]",
        "0.0.0.0/0", "::/0", "::ffff:0:0/96", "::ffff:10.0.0.0/95", "10.0.0.0 ", "10.0.0.0/８",
    ])
    func refusesAllElse(_ text: String) { #expect(AddressRange(text) == nil) }

    @Test func anAddressHasOneText() {
        #expect(IPAddress("::FFFF:192.0.2.1")?.description == "192.0.2.1")
        #expect(IPAddress("2001:0DB8:0:0::1")?.description == "2001:db8::1")
        #expect(IPAddress("192.0.2.1")?.description == "192.0.2.1")
        #expect(IPAddress("192.0.2.1\u{0}") == nil)
    }
}
