// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import Downloads

@Suite struct CircuitBreakerTests {
    private let start = ContinuousClock.now
    private let breaker = CircuitBreaker(.init(failures: 3, pause: .seconds(2), longestPause: .seconds(5)))

    private func fail(_ times: Int, at second: Int = 0) {
        for _ in 0..<times {
            let decision = self.breaker.decide(at: self.at(second))
            self.breaker.note(.failed, of: decision, at: self.at(second))
        }
    }

    private func at(_ second: Int) -> ContinuousClock.Instant { self.start.advanced(by: .seconds(second)) }

    @Test func opensAfterFailuresInARow() {
        self.fail(2)
        #expect(self.breaker.decide(at: self.start) == .ask)
        self.breaker.note(.well, of: .ask, at: self.start)
        self.fail(2)
        #expect(self.breaker.decide(at: self.start) == .ask)
        self.fail(1)
        #expect(self.breaker.decide(at: self.start) == .refuse(.seconds(2)))
    }

    @Test func oneCallProbesAfterThePauseAndClosesIt() {
        self.fail(3)
        #expect(self.breaker.decide(at: self.at(2)) == .probe)
        #expect(self.breaker.decide(at: self.at(2)) == .refuse(.seconds(1)))
        self.breaker.note(.well, of: .probe, at: self.at(2))
        #expect(self.breaker.decide(at: self.at(2)) == .ask)
    }

    @Test func eachFailedProbeDoublesThePauseUpToTheLongest() {
        self.fail(3)
        self.fail(1, at: 2)
        #expect(self.breaker.decide(at: self.at(2)) == .refuse(.seconds(4)))
        self.fail(1, at: 6)
        #expect(self.breaker.decide(at: self.at(6)) == .refuse(.seconds(5)))
    }

    @Test func aProbeWhoseCallerLeftLetsTheNextOneTry() {
        self.fail(3)
        #expect(self.breaker.decide(at: self.at(2)) == .probe)
        self.breaker.note(.unknown, of: .probe, at: self.at(2))
        #expect(self.breaker.decide(at: self.at(2)) == .probe)
    }

    @Test func lateFailuresOfEarlierCallsDoNotMoveThePause() {
        self.fail(3)
        self.breaker.note(.failed, of: .ask, at: self.at(1))
        #expect(self.breaker.decide(at: self.at(2)) == .probe)
    }

    @Test func zeroFailuresNeverOpen() {
        let never = CircuitBreaker(.init(failures: 0))
        for _ in 0..<100 { never.note(.failed, of: .ask, at: self.start) }
        #expect(never.decide(at: self.start) == .ask)
    }
}

@Suite struct RetryBudgetTests {
    @Test func isEarnedByCalls() {
        let budget = RetryBudget(most: 2, callsPerRetry: 3)
        #expect(budget.spend() && budget.spend() && !budget.spend())
        budget.earn()
        budget.earn()
        #expect(!budget.spend())
        budget.earn()
        #expect(budget.spend() && !budget.spend())
        for _ in 0..<100 { budget.earn() }
        #expect(budget.spend() && budget.spend() && !budget.spend())
    }
}
