// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Gateway

/// The pacer in simulated time: bodies ask, wait as long as they are told, and ask again.
@Suite struct BytePacerTests {
    private struct Body {
        let chunk: ClosedRange<Int>
        /// How long its upstream needs for the next chunk.
        var silence = 0
        var left = 0
        var asksAt = 0
        var sent = 0
    }

    private struct Run {
        var bodies: [Body]
        var grants: [(time: Int, body: Int, bytes: Int)] = []
        let rate: Int64
    }

    /// Runs for `seconds`; a body is late by up to `lateness` nanoseconds whenever it was told to wait.
    private func run(
        _ bodies: [Body],
        rate: Int64,
        seconds: Int,
        lateness: Int = 0,
        seed: Int = 1
    ) -> Run {
        var source = SeededSource(state: UInt64(seed))
        let start = ContinuousClock.now
        var pacer = BytePacer()
        pacer.change(to: rate, at: start)
        var run = Run(bodies: bodies, rate: rate)
        for body in bodies.indices { pacer.join(UInt64(body)) }
        while let next = run.bodies.indices.min(by: { run.bodies[$0].asksAt < run.bodies[$1].asksAt }),
            run.bodies[next].asksAt < seconds * 1_000_000_000
        {
            let now = run.bodies[next].asksAt
            if run.bodies[next].left == 0 {
                run.bodies[next].left = Int.random(in: run.bodies[next].chunk, using: &source)
            }
            switch pacer.turn(
                of: UInt64(next),
                wanting: run.bodies[next].left,
                at: start.advanced(by: .nanoseconds(now))
            ) {
            case .go(let bytes):
                run.grants.append((now, next, bytes))
                run.bodies[next].left -= bytes
                run.bodies[next].sent += bytes
                // A moment, so that the others come in between.
                run.bodies[next].asksAt += 1 + (run.bodies[next].left == 0 ? run.bodies[next].silence : 0)
            case .wait(let time):
                let nanoseconds = Int(time / .nanoseconds(1))
                run.bodies[next].asksAt = now + nanoseconds + Int.random(in: 0...lateness, using: &source)
            }
        }
        return run
    }

    /// Over every interval between two grants: no more than the rate, and a quarter of a second's bytes.
    private func check(_ run: Run) {
        // The most that any interval up to here had over its rate: in byte-nanoseconds, by Kadane's sum.
        var (worst, last) = (Int128(0), 0)
        let burst = Int128(max(1, run.rate / 4)) * 1_000_000_000
        for (time, _, bytes) in run.grants {
            worst = max(0, worst - Int128(time - last) * Int128(run.rate)) + Int128(bytes) * 1_000_000_000
            last = time
            guard worst <= burst else {
                Issue.record("\(worst - burst) byte-nanoseconds too many at \(time)")
                return
            }
        }
    }

    @Test(arguments: [1, 3, 1000, 65_536, 1_000_000, 250_000_000] as [Int64], [0, 3_000_000])
    func neverGoesFasterThanTheRate(rate: Int64, lateness: Int) {
        let bodies = [
            Body(chunk: 1...max(1, Int(rate) / 5000)), Body(chunk: 16_384...16_384), Body(chunk: 1...262_144),
        ]
        let seconds = rate < 1000 ? 60 : rate > 10_000_000 ? 1 : 5
        for seed in 0..<5 {
            let run = self.run(bodies, rate: rate, seconds: seconds, lateness: lateness, seed: seed)
            self.check(run)
            let sent = run.bodies.reduce(0) { $0 + $1.sent }
            #expect(sent >= Int(rate) * seconds * 9 / 10, "and it is used: \(sent)")
        }
    }

    @Test(arguments: [1000, 1_000_000] as [Int64], 0..<4)
    func sharesAreEqualWhateverTheChunks(rate: Int64, seed: Int) {
        let chunks = [1...1, 10...1000, 16_384...16_384, 1...262_144, 262_144...262_144]
        // A byte at a time is slow to simulate.
        let bodies = chunks.dropFirst(rate > 1000 ? 1 : 0).map { Body(chunk: $0) }
        let run = self.run(bodies, rate: rate, seconds: 20, lateness: 500_000, seed: seed)
        let slice = Int(min(rate / 4, 65_536))
        var sent = [Int](repeating: 0, count: bodies.count)
        for (time, body, bytes) in run.grants {
            sent[body] += bytes
            let apart = (sent.max() ?? 0) - (sent.min() ?? 0)
            guard apart <= 2 * slice else {
                Issue.record("\(apart) bytes apart at \(time)")
                return
            }
        }
        #expect((sent.min() ?? 0) > 0)
    }

    @Test func whoPausesSavesNothingUpAndTakesNothingFromTheRest() {
        let run = self.run(
            [Body(chunk: 10_000...10_000), Body(chunk: 1000...1000, silence: 400_000_000)],
            rate: 100_000,
            seconds: 30,
            seed: 3
        )
        self.check(run)
        // The slow one has all that its upstream gives, the other all the rest.
        #expect(run.bodies[1].sent >= 60_000)
        #expect(run.bodies[0].sent + run.bodies[1].sent >= 2_900_000)
    }

    @Test func noBodyStarves() {
        let bodies = (0..<64).map { _ in Body(chunk: 262_144...262_144) }
        let run = self.run(bodies, rate: 1_000_000, seconds: 30)
        self.check(run)
        let sent = run.bodies.map(\.sent)
        #expect((sent.min() ?? 0) > 300_000)
    }

    @Test func whoLeavesHoldsNobodyUp() {
        let start = ContinuousClock.now
        var pacer = BytePacer()
        pacer.change(to: 4, at: start)
        pacer.join(1)
        pacer.join(2)
        #expect(pacer.turn(of: 1, wanting: 9, at: start) == .go(1))
        #expect(pacer.turn(of: 2, wanting: 9, at: start) == .wait(.milliseconds(250)))
        #expect(pacer.turn(of: 1, wanting: 9, at: start) == .wait(.milliseconds(250)))
        let later = start.advanced(by: .milliseconds(300))
        #expect(pacer.turn(of: 1, wanting: 9, at: later) == .wait(.milliseconds(250)))
        pacer.leave(2)
        #expect(pacer.turn(of: 1, wanting: 9, at: later) == .go(1))
        pacer.leave(1)
        #expect(!pacer.isIdle(at: later) && pacer.isIdle(at: later.advanced(by: .milliseconds(250))))
    }

    @Test func anotherRateCountsFromTheNextSlice() {
        let start = ContinuousClock.now
        var pacer = BytePacer()
        pacer.join(1)
        #expect(pacer.turn(of: 1, wanting: 1 << 30, at: start) == .go(1 << 30))
        pacer.change(to: 1000, at: start)
        #expect(pacer.turn(of: 1, wanting: 1 << 30, at: start) == .go(250))
        #expect(pacer.turn(of: 1, wanting: 1 << 30, at: start) == .wait(.milliseconds(250)))
        // A higher rate brings no more at once than the lower one had.
        pacer.change(to: 100_000, at: start)
        #expect(pacer.turn(of: 1, wanting: 100, at: start) == .wait(.milliseconds(1)))
        pacer.change(to: nil, at: start)
        #expect(pacer.turn(of: 1, wanting: 1 << 30, at: start) == .go(1 << 30))
    }

    @Test(arguments: [1, .max] as [Int64]) func extremesDoNotTrap(rate: Int64) {
        let start = ContinuousClock.now
        var pacer = BytePacer()
        pacer.change(to: rate, at: start)
        for body in 0..<100 as Range<UInt64> { pacer.join(body) }
        for day in 0..<5 {
            let now = start.advanced(by: .seconds(day * 4_000_000_000))
            for body in 0..<100 as Range<UInt64> { _ = pacer.turn(of: body, wanting: .max, at: now) }
        }
        #expect(pacer.turn(of: 5, wanting: 0, at: start) == .go(0))
    }
}
