// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How often which duration was met, in buckets that are each two percent wider than the one before.
///
/// A percentile is at most one percent off; two histograms add up to that of both. Less than a microsecond counts as nothing.
struct DurationHistogram: Hashable, Sendable {
    private struct Bucket: Hashable, Sendable {
        let index: UInt16
        var count: UInt64
    }

    /// By index.
    private var buckets: [Bucket] = []

    /// A hundredth off at most: (1 + 0.01) / (1 − 0.01).
    private static let growth = 1.01 / 0.99
    /// The upper bound of bucket 0, in milliseconds.
    private static let smallest = 0.001
    /// Bucket 2,000 holds what is longer than six thousand years.
    private static let last = 2000.0

    init() {}

    /// Counts a duration.
    mutating func add(milliseconds: Double) {
        let index = Self.index(of: milliseconds)
        let place = self.buckets.firstIndex { $0.index >= index } ?? self.buckets.endIndex
        if place < self.buckets.endIndex, self.buckets[place].index == index {
            self.buckets[place].count &+= 1
        } else {
            self.buckets.insert(Bucket(index: index, count: 1), at: place)
        }
    }

    private static func index(of milliseconds: Double) -> UInt16 {
        guard milliseconds > Self.smallest else { return 0 }
        let index = (log(milliseconds / Self.smallest) / log(Self.growth)).rounded(.up)
        return UInt16(min(max(index, 0), Self.last))
    }

    /// Adds what another one counted.
    mutating func merge(_ other: DurationHistogram) {
        guard !self.buckets.isEmpty else {
            self = other
            return
        }
        var merged: [Bucket] = []
        merged.reserveCapacity(self.buckets.count + other.buckets.count)
        var rest = self.buckets[...]
        for bucket in other.buckets {
            while let next = rest.first, next.index < bucket.index {
                merged.append(next)
                rest.removeFirst()
            }
            var bucket = bucket
            if let next = rest.first, next.index == bucket.index {
                bucket.count &+= next.count
                rest.removeFirst()
            }
            merged.append(bucket)
        }
        self.buckets = merged + rest
    }

    /// The duration that the share `part` of all does not exceed (nearest rank), in milliseconds; `nil` where there is none.
    func percentile(_ part: Double) -> Double? {
        let total = self.buckets.reduce(UInt64(0)) { $0 &+ $1.count }
        let rank = (Double(total) * part).rounded(.up)
        var seen: UInt64 = 0
        for bucket in self.buckets {
            seen &+= bucket.count
            if Double(seen) >= rank { return Self.value(of: bucket.index) }
        }
        return nil
    }

    /// What is equally far from both bounds of a bucket, as a share of them.
    private static func value(of index: UInt16) -> Double {
        index == 0 ? 0 : Self.smallest * 2 * pow(Self.growth, Double(index)) / (Self.growth + 1)
    }

    // MARK: As it is stored

    /// Pairs of numbers of varying length: how far to the next bucket, and its count.
    var data: Data {
        var bytes: [UInt8] = []
        var last: UInt64 = 0
        for bucket in self.buckets {
            Self.append(UInt64(bucket.index) &- last, to: &bytes)
            Self.append(bucket.count, to: &bytes)
            last = UInt64(bucket.index)
        }
        return Data(bytes)
    }

    /// Reads ``data``, up to where it is none.
    init(data: Data) {
        var rest = Array(data)[...]
        var index: UInt64 = 0
        while let step = Self.number(&rest), let count = Self.number(&rest) {
            index &+= step
            guard index <= UInt64(Self.last), step > 0 || self.buckets.isEmpty else { return }
            self.buckets.append(Bucket(index: UInt16(index), count: count))
        }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var number = number
        while number > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: number) | 0x80)
            number >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: number))
    }

    private static func number(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        return nil
    }
}
