// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Gateway

/// The core of the limiter against models that are plainly right, over random schedules.
@Suite struct LimitAccountTests {
    private let start = LimitMoment.start

    private func moment(_ nanoseconds: Int) -> LimitMoment { self.start.advanced(by: .nanoseconds(nanoseconds)) }

    private func policy(_ source: inout SeededSource, concurrent: Bool = true) throws -> RateLimitPolicy {
        let window = try #require(RequestRate.Window.allCases.randomElement(using: &source))
        return RateLimitPolicy(
            requests: RequestRate(Int.random(in: 1...50, using: &source), per: window),
            burst: Int.random(in: 1...20, using: &source),
            concurrent: concurrent ? Int.random(in: 1...6, using: &source) : nil
        )
    }

    private func pause(_ policy: RateLimitPolicy, _ source: inout SeededSource) -> Int {
        let rate = policy.requests
        let mean = (rate?.window.seconds ?? 1) * 1_000_000_000 / (rate?.count ?? 1)
        return Bool.random(using: &source) ? 0 : Int.random(in: 0...(mean * 2), using: &source)
    }

    /// Every admitted instant so far; one more may come if no window that ends with it would hold too many.
    private struct Log {
        let capacity: Int
        let rate: RequestRate
        var admitted: [Int] = []

        func allowsOneMore(at now: Int) -> Bool {
            let window = Int128(self.rate.window.seconds) * 1_000_000_000
            return self.admitted.indices.allSatisfy { index in
                let count = Int128(self.admitted.count - index + 1)
                let grown = Int128(now - self.admitted[index]) * Int128(self.rate.count)
                return count * window <= Int128(self.capacity) * window + grown
            }
        }
    }

    /// Never one admitted too many, never one too few, in any window; and never too many at the same time.
    @Test(arguments: 0..<8) func admitsExactlyWhatTheLogOfAllAdmissionsAllows(seed: Int) throws {
        var source = SeededSource(state: UInt64(seed))
        let policy = try self.policy(&source)
        var log = Log(capacity: try #require(policy.burst), rate: try #require(policy.requests))
        var account = LimitAccount()
        var (now, underWay) = (0, 0)
        for _ in 0..<2500 {
            now += self.pause(policy, &source)
            if underWay > 0, Int.random(in: 0..<5, using: &source) < 2 {
                account.release()
                underWay -= 1
            }
            let refusal = account.admit(policy, at: self.moment(now))
            let expected: RateLimiter.Decision.Refusal? =
                underWay >= policy.concurrent ?? 0 ? .concurrent : log.allowsOneMore(at: now) ? nil : .requests
            try #require(refusal == expected, "at \(now)")
            guard refusal == nil else { continue }
            underWay += 1
            log.admitted.append(now)
        }
        #expect(log.admitted.count > 10)
    }

    /// The same schedule without the refused requests comes out the same.
    @Test(arguments: 0..<12) func refusedRequestsChangeNothing(seed: Int) throws {
        var source = SeededSource(state: UInt64(1000 + seed))
        let policy = try self.policy(&source)
        var (account, admittedOnly) = (LimitAccount(), LimitAccount())
        var (now, refused) = (0, 0)
        for _ in 0..<2500 {
            now += self.pause(policy, &source)
            if Int.random(in: 0..<4, using: &source) == 0, account.underWay > 0 {
                account.release()
                admittedOnly.release()
            }
            guard account.admit(policy, at: self.moment(now)) == nil else {
                refused += 1
                continue
            }
            try #require(admittedOnly.admit(policy, at: self.moment(now)) == nil)
        }
        let end = self.moment(now)
        #expect(refused > 10)
        #expect(account.underWay == admittedOnly.underWay)
        #expect(account.bucket?.level(at: end.instant) == admittedOnly.bucket?.level(at: end.instant))
    }

    /// A request that was given back at once never was; one that was given back later brings nobody in too often.
    @Test(arguments: 0..<5, [true, false]) func whatIsGivenBackIsNeverTooMuch(seed: Int, atOnce: Bool) throws {
        var source = SeededSource(state: UInt64(2000 + seed))
        let policy = try self.policy(&source, concurrent: false)
        var log = Log(capacity: try #require(policy.burst), rate: try #require(policy.requests))
        var account = LimitAccount()
        var pending: [(TokenBucket.Receipt, time: Int)] = []
        var now = 0
        for _ in 0..<1500 {
            now += self.pause(policy, &source)
            if let (receipt, time) = pending.randomElement(using: &source), Bool.random(using: &source) {
                account.giveBack(receipt, at: self.moment(now))
                pending.removeAll { $0.0 == receipt }
                log.admitted.remove(at: try #require(log.admitted.lastIndex(of: time)))
            }
            let isAdmitted = account.admit(policy, at: self.moment(now)) == nil
            let isAllowed = log.allowsOneMore(at: now)
            try #require(isAdmitted ? isAllowed : !(atOnce && isAllowed), "at \(now)")
            guard isAdmitted else { continue }
            log.admitted.append(now)
            guard Int.random(in: 0..<3, using: &source) == 0, let receipt = account.bucket?.receipt else { continue }
            if atOnce {
                account.giveBack(receipt, at: self.moment(now))
                log.admitted.removeLast()
            } else {
                pending.append((receipt, now))
            }
        }
    }

    /// Under another policy there is at most what that policy gives, less what was taken before.
    @Test(arguments: 0..<12) func aChangeOfPolicyGivesNothingExtra(seed: Int) throws {
        var source = SeededSource(state: UInt64(3000 + seed))
        var account = LimitAccount()
        var now = 0
        var policies: [RateLimitPolicy] = []
        for _ in 0..<4 { policies.append(try self.policy(&source, concurrent: false)) }
        for round in 0..<60 {
            let policy = policies[round % 4]
            var log = Log(capacity: try #require(policy.burst), rate: try #require(policy.requests))
            // A caller without limits in between is not forgotten.
            if round % 3 == 0 { #expect(account.admit(RateLimitPolicy(), at: self.moment(now)) == nil) }
            let before = account.bucket.map { Int128($0.capacity - $0.remaining) } ?? 0
            var atOnce = 0
            while account.admit(policy, at: self.moment(now)) == nil {
                #expect(log.allowsOneMore(at: now))
                log.admitted.append(now)
                atOnce += 1
            }
            if round > 0, self.start.instant < self.moment(now).instant {
                #expect(Int128(atOnce) <= max(0, Int128(log.capacity) - before) + 1)
            }
            for _ in 0..<30 {
                now += self.pause(policy, &source)
                guard account.admit(policy, at: self.moment(now)) == nil else { continue }
                #expect(log.allowsOneMore(at: now))
                log.admitted.append(now)
            }
        }
    }

    @Test func aCallerWithoutLimitsIsAsGoodAsUnknown() {
        var account = LimitAccount()
        #expect(account.admit(RateLimitPolicy(), at: self.start) == nil)
        #expect(account == LimitAccount())
    }

    @Test func whatIsKeptComesBackExactly() throws {
        var source = SeededSource(state: 5)
        let policy = RateLimitPolicy(requests: RequestRate(7, per: .hour), burst: 20, bytesPerDay: 1000)
        var account = LimitAccount()
        for body in 0..<9 {
            _ = account.admit(policy, at: self.start)
            #expect(account.begin(UInt64(body), length: 100, policy, at: self.start) == true)
            _ = account.turn(of: UInt64(body), wanting: Int.random(in: 1...99, using: &source), at: self.start)
        }
        let kept = try #require(LimitAccountRecord(account, of: "a", at: self.start))
        let back = kept.account(at: LimitMoment(instant: .now, date: self.start.date))
        #expect(back.bucket?.level(at: .now.advanced(by: .zero - .seconds(60))) == kept.bucket?.level)
        #expect(back.bytes.used == account.bytes.used && back.bytes.reserved == 0)
        // Time that passed while nothing ran fills the bucket; a clock that was set back does not.
        func remaining(after seconds: Double) -> Int? {
            let now = LimitMoment(instant: .now, date: self.start.date.addingTimeInterval(seconds))
            var account = kept.account(at: now)
            var count = 0
            while account.admit(policy, at: now) == nil { count += 1 }
            return count
        }
        #expect(remaining(after: 0) == 11 && remaining(after: -1e6) == 11)
        #expect(remaining(after: 3599) == 17 && remaining(after: 3601) == 18)
        #expect(remaining(after: 1e10) == 20)
    }

    @Test func rowsThatWereTamperedWithTrapNothing() throws {
        let rate = try #require(RequestRate("1000000000/day"))
        for level in [Int128.min, -1, 0, .max] {
            for time in [Int64.min, 0, .max] {
                let bucket = LimitAccountRecord.Bucket(level: level, capacity: .min, rate: rate)
                let record = LimitAccountRecord(caller: "a", bucket: bucket, savedAt: time, day: time, bytes: time)
                var account = record.account(at: self.start)
                #expect((account.bucket?.remaining ?? -1) >= 0)
                let policy = RateLimitPolicy(requests: rate, bytesPerDay: 10)
                _ = account.admit(policy, at: self.start)
                _ = account.begin(1, length: .max, policy, at: self.start)
                _ = account.begin(2, length: nil, policy, at: self.start)
                _ = account.turn(of: 2, wanting: .max, at: self.start)
                account.end(2, sent: .min)
                _ = account.bytesLeft(of: 10, at: self.start)
            }
        }
    }
}
