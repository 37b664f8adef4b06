// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Gateway

@Suite struct RateLimitPolicyTests {
    @Test(arguments: [("600/min", 600, 60), ("1/s", 1, 1), ("5/h", 5, 3600), ("1000000000/day", 1_000_000_000, 86_400)])
    func readsRates(text: String, count: Int, seconds: Int) throws {
        let rate = try #require(RequestRate(text))
        #expect(rate.count == count && rate.window.seconds == seconds && rate.description == text)
    }

    @Test(arguments: [
        "", "600", "/min", "600/", "600/m", "600/minute", "0/s", "-1/s", "+1/s", "1.5/s", " 1/s", "1/s ", "1/s/s",
        "1e3/s",
        "99999999999999999999/s", "1000000001/s", "٣/s",
    ]) func refusesOtherRates(text: String) {
        #expect(RequestRate(text) == nil)
    }

    @Test func readsAPolicy() {
        let (policy, problems) = RateLimitPolicy.parse(
            [
                "requests": "600/min", "burst": 100, "concurrent": 64, "bytesPerDay": "10GB", "bytesPerSecond": "1MiB",
            ],
            at: "limits.default"
        )
        #expect(problems == [])
        let expected = RateLimitPolicy(
            requests: RequestRate(600, per: .minute),
            burst: 100,
            concurrent: 64,
            bytesPerDay: 10_000_000_000,
            bytesPerSecond: 1_048_576
        )
        #expect(policy == expected)
        #expect(RateLimitPolicy.parse(["requests": .null, "bytesPerDay": .null], at: "").policy == RateLimitPolicy())
    }

    @Test func tellsAllProblemsAtOnce() {
        let (_, problems) = RateLimitPolicy.parse(
            [
                "requests": "fast", "burst": 0, "concurrent": "64", "bytesPerDay": "9223372036854775807GB",
                "bytesPerSecond": -1, "request": "1/s",
            ],
            at: "limits.default"
        )
        let names = ["requests", "burst", "concurrent", "bytesPerDay", "bytesPerSecond", "request"]
        #expect(problems.map(\.field) == names.map { "limits.default.\($0)" })
    }

    @Test func aBurstNeedsARate() {
        #expect(RateLimitPolicy.parse(["burst": 5], at: "").problems.map(\.field) == ["burst"])
    }

    @Test func comesBackFromJSON() throws {
        let policy = RateLimitPolicy(requests: RequestRate(5, per: .hour), burst: 2, bytesPerDay: .max)
        let data = try JSONEncoder().encode(policy)
        #expect(try JSONDecoder().decode(RateLimitPolicy.self, from: data) == policy)
        #expect(String(decoding: data, as: UTF8.self).contains(#"5\/h"#))
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(RateLimitPolicy.self, from: Data(#"{"requests":"0/s"}"#.utf8))
        }
    }
}
