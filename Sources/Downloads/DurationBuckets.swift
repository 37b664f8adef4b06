// SPDX-License-Identifier: Apache-2.0

/// How often which duration was met, in a few fixed buckets, for `/metrics`; adding costs two atomic additions.
public final class DurationBuckets: Sendable {
    /// A moment's view.
    public struct Snapshot: Sendable {
        /// The count of each bucket, cumulative: of ``DurationBuckets/bounds`` first, then of all.
        public let counts: [Int64]
        /// All durations together, in seconds.
        public let sum: Double
    }

    /// The upper bounds, in seconds; what is longer is in one more bucket.
    public static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600]

    private let counts = (0...DurationBuckets.bounds.count).map { _ in Counter() }
    private let microseconds = Counter()

    /// Starts empty.
    public init() {}

    /// Counts a duration; a negative one as nothing.
    public func add(seconds: Double) {
        let index = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.endIndex
        self.counts[index].add()
        // A time that no clock tells (a year and more) counts as one, so that the sum cannot overflow soon.
        self.microseconds.add(Int64(min(max(seconds, 0), 3e7) * 1e6))
    }

    /// What was counted so far.
    public var snapshot: Snapshot {
        var total: Int64 = 0
        let counts = self.counts.map { counter in
            total &+= counter.value
            return total
        }
        return Snapshot(counts: counts, sum: Double(self.microseconds.value) / 1e6)
    }
}
