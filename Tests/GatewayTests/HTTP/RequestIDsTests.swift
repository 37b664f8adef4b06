// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Gateway

@Suite struct RequestIDsTests {
    /// Gives the same number again and again.
    private struct Constant: RandomNumberGenerator {
        let number: UInt64

        func next() -> UInt64 { self.number }
    }

    private static func uuid(_ seconds: Double, _ number: UInt64) -> String {
        var generator = Constant(number: number)
        return UUID(version7: Date(timeIntervalSince1970: seconds), using: &generator).uuidString.lowercased()
    }

    @Test func anIdIsATimeAndRandomBits() {
        // The example of RFC 9562, A.6, but for its random bits.
        #expect(Self.uuid(1_645_557_742, 0) == "017f22e2-79b0-7000-8000-000000000000")
        #expect(Self.uuid(1_645_557_742, .max) == "017f22e2-79b0-7fff-bfff-ffffffffffff")
        #expect(Self.uuid(0, 0) == "00000000-0000-7000-8000-000000000000")
        #expect(Self.uuid(-1, 0) == "00000000-0000-7000-8000-000000000000")
        #expect(Self.uuid(.infinity, 0) == "e677d21f-d818-7000-8000-000000000000")
    }

    @Test func newIdsAreInOrderOfTime() {
        let time = TestTime()
        let ids = RequestIDs(now: time.clock)
        var made: [String] = []
        for _ in 0..<100 {
            made.append(ids.make())
            time.advance(0.001)
        }
        #expect(made == made.sorted() && Set(made.map { $0.suffix(12) }).count == 100)
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
