// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

@Suite struct QuantityTests {
    @Test(
        arguments: [
            ("500ms", 0.5), ("30s", 30), ("5min", 300), ("5m", 300), ("24h", 86_400), ("90d", 7_776_000),
            ("1.5h", 5400),
            ("0s", 0), ("10 s", 10),
        ] as [(String, Double)]
    )
    func readsDurations(_ text: String, _ seconds: Double) { #expect(Quantity.seconds(text) == seconds) }

    @Test(arguments: [
        "", "5", "s", "-5s", "+5s", "5 s s", "1e3s", "5sec", "5S", "٥s", "1.2.3s", "1e999d", "9999999999999s", "infs",
        "nans",
    ])
    func refusesOtherDurations(_ text: String) { #expect(Quantity.seconds(text) == nil) }

    @Test(
        arguments: [
            ("0", 0), ("1000", 1000), ("64KiB", 65_536), ("10MB", 10_000_000), ("10GB", 10_000_000_000),
            ("1TiB", 1 << 40),
            ("5B", 5), ("5 GB", 5_000_000_000),
        ] as [(String, Int64)]
    )
    func readsSizes(_ text: String, _ bytes: Int64) { #expect(Quantity.bytes(text) == bytes) }

    @Test(arguments: ["", "GB", "-1", "1.5GB", "1gb", "1PB", "9223372036854775808", "9223372036854775807KB", "0x10"])
    func refusesOtherSizes(_ text: String) { #expect(Quantity.bytes(text) == nil) }
}
