// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Providers

/// What holds of a pool whatever happens to it.
@Suite struct CredentialScheduleTests {
    /// Chance that is the same for the same seed (SplitMix64).
    private struct Chance: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var word = self.state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }

    /// What the pool was told of one credential.
    private struct Told {
        var restsUntil = Date.distantPast
        var refusedUntil = Date.distantPast
        var lastTurn = 0
    }

    /// A pool, and beside it what it was told.
    private struct Schedule {
        let pool: CredentialPool
        var told: [String: Told]
        var now = Date(timeIntervalSince1970: 1_767_225_600)
        var turns = 0
        var chance: Chance

        init(seed: UInt64) {
            self.chance = Chance(state: seed)
            let ids = (0..<Int.random(in: 1...6, using: &self.chance)).map { "c\($0)" }
            self.pool = CredentialPool(ids.map { ProviderCredential(id: $0, fields: ["apiKey": Secret($0)]) })
            self.told = Dictionary(uniqueKeysWithValues: ids.map { ($0, Told()) })
        }

        /// One call: credentials are taken until one does, or none is left.
        mutating func call() throws {
            var tried: Set<String> = []
            while true {
                let free = self.told.filter { !tried.contains($0.key) && $0.value.restsUntil <= self.now }
                let taken = self.pool.take(except: tried, at: self.now)?.id
                guard let id = taken else {
                    #expect(free.isEmpty, "one was free")
                    return
                }
                let its = try #require(free[id], "it rests, or was tried")
                let good = free.values.filter { $0.refusedUntil <= self.now }
                #expect(its.refusedUntil <= self.now || good.isEmpty, "a refused one was used before a good one")
                let rivals = its.refusedUntil <= self.now ? good : Array(free.values)
                #expect(its.lastTurn == rivals.map(\.lastTurn).min(), "it was not its turn")
                self.turns += 1
                self.told[id]?.lastTurn = self.turns
                tried.insert(id)
                if self.answer(id) { return }
            }
        }

        /// An answer by chance; whether it ends the call.
        private mutating func answer(_ id: String) -> Bool {
            switch Int.random(in: 0..<10, using: &self.chance) {
            case 0..<5:
                self.pool.worked(id)
                self.told[id]?.refusedUntil = .distantPast
                return true
            case 5..<7:
                let wait = Int.random(in: 0...120, using: &self.chance)
                self.pool.limited(id, for: .seconds(wait), at: self.now)
                let until = self.now.addingTimeInterval(Double(wait))
                self.told[id]?.restsUntil = until
                // A rest takes the place of a refusal.
                if wait > 0 { self.told[id]?.refusedUntil = .distantPast }
                return false
            case 7..<9:
                self.pool.refused(id, at: self.now)
                self.told[id]?.refusedUntil = self.now.addingTimeInterval(300)
                return false
            default: return true
            }
        }

        mutating func pause() { self.now += Double(Int.random(in: 0...60, using: &self.chance)) }
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>) func neverUsesARestingOneAndKeepsTheTurns(_ seed: UInt64) throws {
        var schedule = Schedule(seed: seed)
        for _ in 0..<100 {
            try schedule.call()
            schedule.pause()
        }
    }

    @Test func turnsAreFairHoweverManyAskAtOnce() async {
        let pool = CredentialPool((0..<5).map { ProviderCredential(id: "c\($0)", fields: ["apiKey": Secret("\($0)")]) })
        let now = Date(timeIntervalSince1970: 1_767_225_600)
        let uses = await withTaskGroup(of: [String].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<125).compactMap { _ in pool.take(at: now)?.id } }
            }
            return await group.reduce(into: [String: Int]()) { uses, ids in
                for id in ids { uses[id, default: 0] += 1 }
            }
        }
        #expect(uses == Dictionary(uniqueKeysWithValues: (0..<5).map { ("c\($0)", 200) }))
    }
}
