// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@Suite struct RFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0.0), ("2026-11-21T02:24:00Z", 1_795_227_840),
        ("2026-11-21T02:24:00.500Z", 1_795_227_840.5),
        ("2026-11-21T02:24:00", 1_795_227_840), ("2026-11-21 02:24:00", 1_795_227_840),
        ("2026-11-21T02:24", 1_795_227_840),
        ("2026-11-21", 1_795_219_200), ("2026-11-21T03:24:00+01:00", 1_795_227_840),
        ("2026-11-21T03:24:00 01:00", 1_795_227_840),
        ("2026-11-21T03:24:00+0100", 1_795_227_840), ("2026-11-21T03:24:00+01", 1_795_227_840),
        ("2026-11-20T21:24:00-05:00", 1_795_227_840), ("2026-11-21t02:24:00z", 1_795_227_840),
        ("2024-02-29T00:00:00Z", 1_709_164_800), ("2026-11-21T02:24:00.123456", 1_795_227_840.123456),
        ("0001-01-01T00:00:00Z", -62_135_596_800), ("9999-12-31T23:59:59Z", 253_402_300_799),
    ])
    func readsWhatUpstreamsAndCallersWrite(_ text: String, _ seconds: Double) throws {
        let date = try #require(RFC3339.parse(text))
        #expect(abs(date.timeIntervalSince1970 - seconds) < 0.0005)
    }

    @Test(arguments: [
        "", "now", "2026", "2026-13-01", "2026-02-29", "2026-00-10", "2026-01-32", "0000-01-01", "2026-11-21T",
        "2026-11-21T24:00:00Z",
        "2026-11-21T02:60:00Z", "2026-11-21T02:24:61Z", "2026-11-21T02:24:00.Z", "2026-11-21T02:24:00ZZ",
        "2026-11-21T02:24:00+25:00",
        "2026-11-21T02:24:00+01:60", "-2026-11-21", "２０２６-11-21", "2026-11-21T02:24:00Z\n", "1e9", "99999-01-01",
        "2026-11-21T02:24:00." + String(repeating: "9", count: 80) + "Z",
    ])
    func refusesEverythingElse(_ text: String) { #expect(RFC3339.parse(text) == nil) }

    @Test func writesUTCWithMillisecondsOnlyWhereThereAreSome() {
        #expect(RFC3339.format(Date(timeIntervalSince1970: 1_795_227_840)) == "2026-11-21T02:24:00Z")
        #expect(RFC3339.format(Date(timeIntervalSince1970: 1_795_227_840.25)) == "2026-11-21T02:24:00.250Z")
        #expect(RFC3339.format(Date(timeIntervalSince1970: -0.5)) == "1969-12-31T23:59:59.500Z")
    }

    @Test(arguments: [Double.infinity, -.infinity, 1e300, -1e300, 1e18])
    func writesImpossibleTimesWithoutATrap(_ seconds: Double) {
        #expect(RFC3339.parse(RFC3339.format(Date(timeIntervalSince1970: seconds))) != nil)
    }

    @Test func everyDayOfFourCenturiesComesBack() throws {
        for day in stride(from: -30_000, through: 120_000, by: 7) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400 + 3661)
            #expect(RFC3339.parse(RFC3339.format(date)) == date)
        }
    }
}
