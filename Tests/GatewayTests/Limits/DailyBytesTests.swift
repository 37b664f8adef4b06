// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Gateway

@Suite struct DailyBytesTests {
    @Test func whatIsPromisedCountsAndWhatIsNotSentIsGivenBack() {
        var bytes = DailyBytes(day: 5)
        #expect(bytes.begin(1, length: 600, limit: 1000) == true)
        #expect(bytes.begin(2, length: 401, limit: 1000) == false)
        #expect(bytes.begin(3, length: 400, limit: 1000) == true)
        #expect(bytes.left(of: 1000) == 0 && bytes.used == 0)
        bytes.count(250, of: 1)
        #expect(bytes.left(of: 1000) == 0 && bytes.used == 250)
        // The last 50 were handed out and never sent.
        bytes.end(1, sent: 200)
        bytes.end(1, sent: 0)
        #expect(bytes.left(of: 1000) == 400 && bytes.used == 200)
        bytes.count(400, of: 3)
        bytes.end(3, sent: nil)
        #expect(bytes.left(of: 1000) == 400 && bytes.used == 600 && bytes.reserved == 0)
    }

    @Test func unknownLengthsComeInWhileAnythingIsLeftAndAreCounted() {
        var bytes = DailyBytes(day: 5)
        #expect(bytes.begin(1, length: nil, limit: 10) == true)
        #expect(bytes.begin(2, length: nil, limit: 10) == true)
        bytes.count(500, of: 1)
        #expect(bytes.begin(3, length: nil, limit: 10) == false)
        #expect(bytes.begin(3, length: 1, limit: 10) == false)
        // A file without bytes fits into nothing.
        #expect(bytes.begin(4, length: 0, limit: 10) == true)
        #expect(bytes.used == 500 && bytes.left(of: 10) == 0)
    }

    @Test func aBodyBelongsToTheDayOnWhichItBegan() {
        var bytes = DailyBytes(day: 5)
        #expect(bytes.begin(1, length: 100, limit: 100) == true)
        bytes.count(10, of: 1)
        bytes.turn(to: 6)
        #expect(bytes.left(of: 100) == 100)
        #expect(bytes.begin(2, length: 100, limit: 100) == true)
        bytes.count(90, of: 1)
        bytes.end(1, sent: 100)
        #expect(bytes.left(of: 100) == 0 && bytes.used == 0 && bytes.reserved == 100)
    }

    @Test func aClockThatGoesBackOverMidnightOpensNoDayTwice() {
        var bytes = DailyBytes(day: 6, used: 70)
        bytes.turn(to: 5)
        #expect(bytes.left(of: 100) == 30 && bytes.day == 6)
        // One that was wrong by years does not lock anybody out for years.
        bytes.turn(to: 3)
        #expect(bytes.left(of: 100) == 100 && bytes.day == 3)
    }

    @Test(arguments: 0..<20) func neverPromisesMoreThanThereIs(seed: Int) {
        var source = SeededSource(state: UInt64(seed))
        var bytes = DailyBytes(day: 1)
        var (sent, open): (Int64, [UInt64: (left: Int64, sent: Int64)]) = (0, [:])
        let limit = Int64.random(in: 1...5000, using: &source)
        for body in 0..<3000 as Range<UInt64> {
            let length = Int64.random(in: 0...200, using: &source)
            let promised = open.values.reduce(0) { $0 + $1.left }
            let fits = length <= limit - sent - promised
            #expect(bytes.begin(body, length: length, limit: limit) == fits)
            if fits { open[body] = (length, 0) }
            guard let (id, state) = open.randomElement(using: &source) else { continue }
            let piece = Int64.random(in: 0...state.left, using: &source)
            bytes.count(piece, of: id)
            sent += piece
            open[id] = (state.left - piece, state.sent + piece)
            guard Bool.random(using: &source), let state = open.removeValue(forKey: id) else { continue }
            let lost = Int64.random(in: 0...min(state.sent, 3), using: &source)
            bytes.end(id, sent: state.sent - lost)
            sent -= lost
        }
        #expect(bytes.used == sent && sent <= limit)
        #expect(bytes.left(of: limit) == limit - sent - open.values.reduce(0) { $0 + $1.left })
    }

    @Test func theDayEndsAtMidnightUTC() {
        func moment(_ time: Double) -> LimitMoment {
            LimitMoment(instant: .now, date: Date(timeIntervalSince1970: time))
        }
        #expect(moment(0).day == 0 && moment(86_399.9).day == 0 && moment(86_400).day == 1 && moment(-1).day == -1)
        #expect(moment(0).secondsUntilEnd(of: 0) == 86_400)
        #expect(moment(86_399.5).secondsUntilEnd(of: 0) == 1)
        #expect(moment(86_399.5).secondsUntilEnd(of: 1) == 86_401)
        #expect(moment(100_000).secondsUntilEnd(of: 0) == 1)
        for day in [Int64.min, .max] { #expect(moment(0).secondsUntilEnd(of: day) >= 1) }
    }
}
