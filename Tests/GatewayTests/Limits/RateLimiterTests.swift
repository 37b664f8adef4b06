// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Gateway

@Suite struct RateLimiterTests {
    private let start = LimitMoment.start

    private func policy(_ requests: String, burst: Int? = nil, concurrent: Int? = nil) throws -> RateLimitPolicy {
        let rate = try #require(RequestRate(requests))
        return RateLimitPolicy(requests: rate, burst: burst, concurrent: concurrent)
    }

    @Test func ofManyAtOnceExactlyTheLimitIsLetIn() async throws {
        let limiter = RateLimiter()
        let policy = try self.policy("1000/h", burst: 137)
        let allowed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<2000 { group.addTask { limiter.admit("key_a", policy, now: self.start).isAllowed } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(allowed == 137)
    }

    @Test func traefikIssue11753_callersDoNotShareCounters() throws {
        let limiter = RateLimiter()
        let policy = try self.policy("2/h")
        let long = String(repeating: "a", count: 300)
        for id in ["key_a", "key_b", "jwt:1:x", "jwt:2:x", long + "1", long + "2"] {
            #expect(limiter.admit(id, policy, now: self.start).isAllowed)
            #expect(limiter.admit(id, policy, now: self.start).isAllowed)
            #expect(!limiter.admit(id, policy, now: self.start).isAllowed)
        }
    }

    @Test func theHeadersAreThoseOfTheContract() throws {
        let limiter = RateLimiter()
        let first = limiter.admit("a", try self.policy("600/min"), now: self.start)
        #expect(first.policyField == #""requests";q=600;w=60"#)
        #expect(first.limitField == #""requests";r=599;t=1"#)
        #expect(first.isAllowed && first.retryAfterSeconds == 0)
        let burst = limiter.admit("b", try self.policy("600/min", burst: 100), now: self.start)
        #expect(burst.policyField == #""requests";q=600;w=60"# && burst.limitField == #""requests";r=99;t=1"#)
    }

    @Test func aRefusalTellsWhenToComeBackAndCostsNothing() throws {
        let limiter = RateLimiter()
        let policy = try self.policy("2/min")
        _ = limiter.admit("a", policy, now: self.start)
        _ = limiter.admit("a", policy, now: self.start)
        for _ in 0..<50 {
            let refused = limiter.admit("a", policy, now: self.start)
            #expect(refused.refusal == .requests && refused.retryAfterSeconds == 30)
            #expect(refused.limitField == #""requests";r=0;t=60"#)
        }
        #expect(limiter.admit("a", policy, now: self.start.advanced(by: .seconds(30))).isAllowed)
    }

    @Test func withoutALimitEverythingIsLetInAndNothingSaid() {
        let limiter = RateLimiter()
        for _ in 0..<1000 {
            let decision = limiter.admit("a", RateLimitPolicy(), now: self.start)
            #expect(
                decision.isAllowed && decision.policyField == nil && decision.limitField == nil
                    && decision.permit == nil
            )
        }
    }

    @Test func holdsRequestsAtTheSameTimeToTheirNumber() throws {
        let limiter = RateLimiter()
        let policy = try self.policy("100/s", concurrent: 2)
        let first = limiter.admit("a", policy, now: self.start)
        let second = limiter.admit("a", policy, now: self.start)
        let refused = limiter.admit("a", policy, now: self.start)
        #expect(refused.refusal == .concurrent && refused.retryAfterSeconds == 1)
        // It cost no token either.
        #expect(refused.remaining == 98)
        first.permit?.release()
        first.permit?.release()
        let third = limiter.admit("a", policy, now: self.start)
        #expect(third.isAllowed)
        #expect(limiter.admit("a", policy, now: self.start).refusal == .concurrent)
        second.permit?.release()
        third.permit?.release()
        #expect(limiter.admit("a", policy, now: self.start).isAllowed)
    }

    @Test func aDroppedPermitIsGivenBack() throws {
        let limiter = RateLimiter()
        let policy = RateLimitPolicy(concurrent: 1)
        for _ in 0..<10 { #expect(limiter.admit("a", policy, now: self.start).isAllowed) }
        #expect(limiter.accountCount == 0)
    }

    @Test func neverMoreAtTheSameTimeThanAllowed() async throws {
        let limiter = RateLimiter()
        let policy = RateLimitPolicy(concurrent: 7)
        let permits = await withTaskGroup(of: ConcurrencyPermit?.self) { group in
            for _ in 0..<500 { group.addTask { limiter.admit("a", policy, now: self.start).permit } }
            return await group.reduce(into: [ConcurrencyPermit]()) { permits, permit in
                permit.map { permits.append($0) }
            }
        }
        #expect(permits.count == 7)
        permits.forEach { $0.release() }
        #expect(limiter.admit("a", policy, now: self.start).isAllowed)
    }

    @Test func forgetsOnlyWhoIsIdle() throws {
        let limiter = RateLimiter(capacity: 2)
        let policy = try self.policy("1/min")
        #expect(limiter.admit("a", policy, now: self.start).isAllowed)
        #expect(limiter.admit("b", policy, now: self.start.advanced(by: .seconds(30))).isAllowed)
        let crowded = limiter.admit("c", policy, now: self.start.advanced(by: .seconds(31)))
        #expect(crowded.refusal == .crowded && crowded.retryAfterSeconds == 1)
        // After its minute, `a` is like unknown; `b` is not yet.
        let later = self.start.advanced(by: .seconds(61))
        #expect(limiter.admit("c", policy, now: later).isAllowed)
        #expect(limiter.accountCount == 2)
        #expect(!limiter.admit("b", policy, now: later).isAllowed)
    }

    @Test func aNarrowedKeyIsHeldToItsNewLimitAtOnce() throws {
        let limiter = RateLimiter()
        for _ in 0..<5 { _ = limiter.admit("a", try self.policy("10/h"), now: self.start) }
        #expect(!limiter.admit("a", try self.policy("5/h"), now: self.start).isAllowed)
        #expect(limiter.admit("a", try self.policy("7/h"), now: self.start).isAllowed)
    }
}
