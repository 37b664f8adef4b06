// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Testing

@testable import Providers

@Suite struct CredentialPoolTests {
    private let begin = Date(timeIntervalSince1970: 1_767_225_600)

    private func at(_ seconds: TimeInterval) -> Date { self.begin.addingTimeInterval(seconds) }

    private func pool(_ ids: String..., keeping known: [CredentialStatus] = []) -> CredentialPool {
        CredentialPool(ids.map(Self.credential), keeping: known)
    }

    private static func credential(_ id: String) -> ProviderCredential {
        ProviderCredential(id: id, label: "the \(id)", fields: ["apiKey": Secret("key of \(id)")])
    }

    private func take(_ pool: CredentialPool, _ seconds: TimeInterval = 0, except tried: Set<String> = []) -> String? {
        pool.take(except: tried, at: self.at(seconds))?.id
    }

    @Test func takesTurns() {
        let pool = self.pool("a", "b", "c")
        #expect((0..<7).map { _ in self.take(pool) } == ["a", "b", "c", "a", "b", "c", "a"])
        #expect(self.take(self.pool()) == nil)
        #expect(self.pool().isEmpty && !pool.isEmpty)
    }

    @Test func handsOutNoneTwiceWithinACall() {
        let pool = self.pool("a", "b")
        #expect(self.take(pool, except: ["a"]) == "b")
        #expect(self.take(pool, except: ["a", "b"]) == nil)
    }

    @Test func neverUsesACoolingOneBeforeItsTime() {
        let pool = self.pool("a", "b")
        pool.limited("a", for: .seconds(10), at: self.begin)
        #expect((0..<3).map { _ in self.take(pool, 9.999) } == ["b", "b", "b"])
        #expect(self.take(pool, 9.999, except: ["b"]) == nil)
        #expect(self.take(pool, 10) == "a")
        #expect(pool.statuses(at: self.at(10)).map(\.state) == [.ok, .ok])
        #expect(pool.statuses(at: self.at(10)).map(\.coolsUntil) == [nil, nil])
    }

    @Test func theLongerOfTwoRestsCountsAndNoSuccessEndsIt() {
        let pool = self.pool("a")
        pool.limited("a", for: .seconds(10), at: self.begin)
        pool.limited("a", for: .seconds(3), at: self.at(1))
        pool.refused("a", at: self.at(1))
        // Of a request that was under way before the limit.
        pool.worked("a")
        let status = pool.statuses(at: self.at(2))[0]
        #expect(status.state == .cooling && status.coolsUntil == self.at(10))
        pool.limited("a", for: .seconds(30), at: self.at(2))
        #expect(pool.statuses(at: self.at(2))[0].coolsUntil == self.at(32))
    }

    @Test func noWaitIsNoRest() {
        let pool = self.pool("a")
        pool.limited("a", for: .zero, at: self.begin)
        #expect(self.take(pool) == "a")
        #expect(pool.soonest(at: self.begin) == nil)
    }

    @Test func usesARefusedOneLastAndAfterItsTimeInTurn() {
        let pool = self.pool("a", "b")
        pool.refused("a", at: self.begin)
        #expect((0..<3).map { _ in self.take(pool, 1) } == ["b", "b", "b"])
        #expect(self.take(pool, 1, except: ["b"]) == "a")
        pool.limited("b", for: .seconds(100), at: self.at(1))
        #expect(self.take(pool, 2) == "a")
        let status = pool.statuses(at: self.at(299))[0]
        #expect(status.state == .refused && status.coolsUntil == self.at(300))
        #expect((0..<2).map { _ in self.take(pool, 300) } == ["b", "a"])
    }

    @Test func aSuccessMakesARefusedOneGoodAtOnce() {
        let pool = self.pool("a", "b")
        pool.refused("a", at: self.begin)
        pool.worked("a")
        #expect(self.take(pool) == "a")
        #expect(pool.statuses(at: self.begin).map(\.state) == [.ok, .ok])
    }

    @Test func saysWhenTheFirstIsFree() {
        let pool = self.pool("a", "b", "c")
        pool.refused("c", at: self.begin)
        #expect(pool.soonest(at: self.begin) == nil)
        pool.limited("a", for: .seconds(20), at: self.begin)
        pool.limited("b", for: .milliseconds(7500), at: self.begin)
        #expect(pool.soonest(at: self.at(0.5)) == .seconds(7))
        #expect(pool.soonest(at: self.at(8)) == .seconds(12))
        #expect(pool.soonest(at: self.at(20)) == nil)
    }

    @Test func tellsEachWithoutWhatIsSecret() {
        let pool = self.pool("a", "b")
        _ = self.take(pool, 5)
        let statuses = pool.statuses(at: self.at(6))
        #expect(statuses.map(\.id) == ["a", "b"])
        #expect(statuses.map(\.label) == ["the a", "the b"])
        #expect(statuses.map(\.fingerprint) == ["a", "b"].map { Self.credential($0).fingerprint })
        #expect(statuses.map(\.lastUsedAt) == [self.at(5), nil])
        var text = "\(statuses)\(pool)"
        dump(statuses, to: &text)
        dump(pool, to: &text)
        #expect(!text.contains("key of"))
    }

    @Test func goesOnWithWhatIsKnownOfTheSameCredential() {
        let old = self.pool("a", "b", "c")
        for _ in 0..<3 { _ = self.take(old, 1) }
        old.limited("a", for: .seconds(60), at: self.at(1))
        old.refused("b", at: self.at(1))
        var known = old.statuses(at: self.at(2))
        // Under an old id, another credential.
        known[2].fingerprint = "000000000000"
        known[2].state = .cooling
        known[2].coolsUntil = self.at(60)
        let pool = self.pool("c", "b", "a", "d", keeping: known)
        #expect(pool.statuses(at: self.at(2)).map(\.state) == [.ok, .refused, .cooling, .ok])
        #expect(pool.statuses(at: self.at(2)).map(\.lastUsedAt) == [nil, self.at(1), self.at(1), nil])
        #expect(pool.statuses(at: self.at(61)).map(\.state) == [.ok, .refused, .ok, .ok])
    }

    @Test func takesACredentialThatIsGivenTwiceOnce() {
        #expect(self.pool("a", "a", "b").statuses(at: self.begin).map(\.id) == ["a", "b"])
    }
}
