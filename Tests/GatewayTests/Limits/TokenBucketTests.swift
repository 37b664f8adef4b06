// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Gateway

@Suite struct TokenBucketTests {
    private let start = ContinuousClock.now

    private func bucket(_ capacity: Int, _ rate: String) throws -> TokenBucket {
        TokenBucket(capacity: capacity, rate: try #require(RequestRate(rate)), at: self.start)
    }

    @Test func givesExactlyItsCapacityAtOnce() throws {
        var bucket = try self.bucket(5, "60/min")
        let taken = (0..<20).count { _ in bucket.take(at: self.start) }
        #expect(taken == 5)
        #expect(bucket.remaining == 0)
    }

    @Test func fillsToTheNanosecond() throws {
        var bucket = try self.bucket(1, "1/s")
        #expect(bucket.take(at: self.start) == true)
        #expect(bucket.take(at: self.start.advanced(by: .nanoseconds(999_999_999))) == false)
        #expect(bucket.take(at: self.start.advanced(by: .nanoseconds(1_000_000_000))) == true)
    }

    @Test func aThirdOfASecondDoesNotDrift() throws {
        // 3/s is not a whole number of nanoseconds per token.
        var bucket = try self.bucket(3, "3/s")
        var taken = 0
        for step in 0...(10_000 * 7) where bucket.take(at: self.start.advanced(by: .nanoseconds(142_857_142 * step))) {
            taken += 1
        }
        let seconds = 142_857_142 * 70_000 * 3
        #expect(taken == 3 + seconds / 1_000_000_000)
    }

    @Test func lessThanANanosecondIsNotLost() throws {
        var bucket = try self.bucket(1, "1000000000/s")
        _ = bucket.take(at: self.start)
        let half = Duration(secondsComponent: 0, attosecondsComponent: 500_000_000)
        #expect(bucket.take(at: self.start.advanced(by: half)) == false)
        #expect(bucket.take(at: self.start.advanced(by: half * 2)) == true)
    }

    @Test func neverHoldsMoreThanItsCapacity() throws {
        var bucket = try self.bucket(3, "1/s")
        let later = self.start.advanced(by: .seconds(86_400 * 365 * 100))
        let taken = (0..<10).count { _ in bucket.take(at: later) }
        #expect(taken == 3)
    }

    @Test func timeThatGoesBackBringsNothing() throws {
        var bucket = try self.bucket(1, "1/s")
        #expect(bucket.take(at: self.start.advanced(by: .seconds(10))) == true)
        #expect(bucket.take(at: self.start) == false)
        #expect(bucket.take(at: self.start.advanced(by: .seconds(10))) == false)
        #expect(bucket.take(at: self.start.advanced(by: .seconds(11))) == true)
    }

    @Test func extremesDoNotOverflow() throws {
        var bucket = try self.bucket(.max, "1000000000/day")
        #expect(bucket.capacity == 1_000_000_000)
        #expect(bucket.take(at: self.start) == true)
        #expect(bucket.take(at: self.start.advanced(by: .seconds(4_000_000_000))) == true)
        #expect(bucket.remaining == 999_999_999)
        #expect(try self.bucket(.min, "1/s").capacity == 1)
    }

    @Test func tellsWhenItIsWorthAsking() throws {
        var bucket = try self.bucket(2, "2/min")
        #expect(bucket.secondsUntilFull == 0 && bucket.secondsUntilNext == 0)
        _ = bucket.take(at: self.start)
        #expect(bucket.secondsUntilFull == 30)
        _ = bucket.take(at: self.start)
        #expect(bucket.secondsUntilFull == 60 && bucket.secondsUntilNext == 30)
        #expect(bucket.take(at: self.start.advanced(by: .milliseconds(29_500))) == false)
        #expect(bucket.secondsUntilNext == 1)
    }

    @Test func anotherLimitKeepsWhatWasTaken() throws {
        var bucket = try self.bucket(10, "10/s")
        for _ in 0..<7 { _ = bucket.take(at: self.start) }
        let minute = try #require(RequestRate("8/min"))
        #expect(bucket.changed(capacity: 8, rate: minute, at: self.start).remaining == 1)
        #expect(bucket.changed(capacity: 5, rate: minute, at: self.start).remaining == 0)
        #expect(bucket.changed(capacity: 100, rate: minute, at: self.start).remaining == 93)
        // Half a token more taken counts as a whole one.
        let later = self.start.advanced(by: .milliseconds(50))
        #expect(bucket.changed(capacity: 8, rate: minute, at: later).remaining == 1)
    }

    /// A model that is plainly right: tokens as exact fractions of nanoseconds, recomputed from the whole history.
    @Test(arguments: 0..<60) func agreesWithTheModelOnRandomSchedules(seed: Int) throws {
        var source = SeededSource(state: UInt64(seed))
        let count = Int.random(in: 1...50, using: &source)
        let window = try #require(RequestRate.Window.allCases.randomElement(using: &source))
        let capacity = Int.random(in: 1...20, using: &source)
        let rate = try #require(RequestRate(count, per: window))
        var bucket = TokenBucket(capacity: capacity, rate: rate, at: self.start)
        var model = Model(capacity: capacity, count: count, windowNanoseconds: window.seconds * 1_000_000_000)
        var now = 0
        let mean = window.seconds * 1_000_000_000 / count
        for _ in 0..<400 {
            now += Bool.random(using: &source) ? 0 : Int.random(in: 0...(mean * 2), using: &source)
            let instant = self.start.advanced(by: .nanoseconds(now))
            let isTaken = bucket.take(at: instant)
            let isRight = model.take(at: now)
            #expect(isTaken == isRight, "at \(now)")
        }
    }

    /// Steps through the fills of every take so far, in 1/window token units, each time from the beginning.
    private struct Model {
        let capacity: Int
        let count: Int
        let windowNanoseconds: Int
        var taken: [Int] = []

        mutating func take(at now: Int) -> Bool {
            var level = Int128(self.capacity) * Int128(self.windowNanoseconds)
            let full = level
            var last = 0
            for time in self.taken {
                level = min(full, level + Int128(time - last) * Int128(self.count)) - Int128(self.windowNanoseconds)
                last = time
            }
            level = min(full, level + Int128(now - last) * Int128(self.count))
            guard level >= Int128(self.windowNanoseconds) else { return false }
            self.taken.append(now)
            return true
        }
    }
}
