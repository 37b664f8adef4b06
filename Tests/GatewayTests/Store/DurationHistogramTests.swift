// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Gateway

@Suite struct DurationHistogramTests {
    /// Durations over nine orders of magnitude.
    private func durations(_ count: Int, seed: UInt64) -> [Double] {
        var source = SeededSource(state: seed)
        return (0..<count).map { _ in pow(10, Double.random(in: -2.9...6, using: &source)) }
    }

    private func histogram(_ durations: [Double]) -> DurationHistogram {
        var histogram = DurationHistogram()
        for duration in durations { histogram.add(milliseconds: duration) }
        return histogram
    }

    @Test(arguments: [1, 2, 3, 10, 99, 100, 101, 5000])
    func percentilesAreWithinTwoPercent(_ count: Int) throws {
        let durations = self.durations(count, seed: UInt64(count))
        let histogram = self.histogram(durations)
        for part in [0.001, 0.5, 0.95, 0.99, 1] {
            let exact = durations.sorted()[Int((Double(count) * part).rounded(.up)) - 1]
            let found = try #require(histogram.percentile(part))
            #expect(abs(found - exact) <= exact * 0.02, "\(part) of \(count): \(found), not \(exact)")
        }
    }

    @Test func twoAddUpToThatOfBoth() {
        let (one, other) = (self.durations(300, seed: 1), self.durations(500, seed: 2))
        var sum = self.histogram(one)
        sum.merge(self.histogram(other))
        #expect(sum == self.histogram(one + other))
        sum.merge(DurationHistogram())
        #expect(sum == self.histogram(one + other))
        var none = DurationHistogram()
        none.merge(sum)
        #expect(none == sum)
    }

    @Test func isReadAsItWasStored() {
        for count in [0, 1, 1000] {
            let histogram = self.histogram(self.durations(count, seed: 3))
            #expect(DurationHistogram(data: histogram.data) == histogram)
        }
    }

    @Test func noDurationIsTooOdd() throws {
        #expect(DurationHistogram().percentile(0.5) == nil)
        for odd in [0, -0.0, -1, -.infinity, .nan, 1e-300] {
            #expect(self.histogram([odd]).percentile(0.5) == 0, "\(odd)")
        }
        for huge in [1e200, .infinity, .greatestFiniteMagnitude] {
            #expect(try #require(self.histogram([huge]).percentile(0.5)) > 1e13)
        }
    }

    @Test func damagedDataIsReadAsFarAsItGoes() {
        var source = SeededSource(state: 4)
        let data = self.histogram(self.durations(50, seed: 4)).data
        for length in 0..<data.count { _ = DurationHistogram(data: data.prefix(length)).percentile(0.5) }
        for _ in 0..<500 {
            let noise = Data((0..<40).map { _ in UInt8.random(in: 0...255, using: &source) })
            var histogram = DurationHistogram(data: noise)
            histogram.merge(DurationHistogram(data: data))
            #expect(histogram.percentile(0.99) != nil)
        }
    }
}
