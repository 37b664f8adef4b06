// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Gateway

@Suite struct RequestIDsTests {
    private static func uuid(_ milliseconds: Double, _ random: UInt64) -> String {
        RequestIDs.uuid(at: Date(timeIntervalSince1970: milliseconds / 1000), random: random)
    }

    @Test func anIdIsATimeAndRandomBits() {
        // The time of the example of RFC 9562, A.6.
        #expect(Self.uuid(1_645_557_742_000, 0) == "017f22e2-79b0-7000-8000-000000000000")
        #expect(Self.uuid(1_645_557_742_000.5, .max) == "017f22e2-79b0-7800-bfff-ffffffffffff")
        #expect(Self.uuid(1_645_557_742_001, 0x0123_4567_89ab_cdef << 2) == "017f22e2-79b1-7000-8123-456789abcdef")
        #expect(Self.uuid(0, 0) == "00000000-0000-7000-8000-000000000000")
        #expect(Self.uuid(-1, 0) == "00000000-0000-7000-8000-000000000000")
        #expect(Self.uuid(.infinity, 0) == "ffffffff-ffff-7000-8000-000000000000")
    }

    @Test func newIdsAreInOrderOfTime() {
        let time = TestTime()
        let ids = RequestIDs(now: time.clock)
        var made: [String] = []
        for _ in 0..<1000 {
            made.append(ids.make())
            time.advance(0.000_01)
        }
        #expect(made == made.sorted() && Set(made.map { $0.suffix(17) }).count == 1000)
    }

    @Test(arguments: ["mine", "a.b_c-D9", String(repeating: "x", count: 128)])
    func aCallersOwnIsKept(id: String) {
        #expect(RequestIDs(make: { "made" }).id(presented: [id]) == id)
    }

    @Test(arguments: [[], ["a", "b"], [""], ["a b"], ["é"], ["a\n"], [String(repeating: "x", count: 129)]])
    func whatIsNoIdIsReplaced(presented: [String]) {
        #expect(RequestIDs(make: { "made" }).id(presented: presented) == "made")
    }
}
