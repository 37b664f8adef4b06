// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Gateway

@Suite struct JobQueueTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func entry(_ caller: String, _ host: String = "h", notBefore: Date? = nil) -> JobQueue.Entry {
        JobQueue.Entry(id: UUID(), caller: caller, host: host, notBefore: notBefore)
    }

    /// Takes `count` jobs, each of which ends at once.
    private func take(_ count: Int, from queue: inout JobQueue, at now: Date? = nil) -> [JobQueue.Entry] {
        (0..<count).compactMap { _ in queue.next(at: now ?? self.now, running: { _ in 0 }, hasRoom: { _ in true }) }
    }

    @Test func aThousandJobsOfOneCallerDoNotDelayAnothers() {
        var queue = JobQueue()
        for _ in 0..<1000 { queue.add(self.entry("many")) }
        _ = self.take(5, from: &queue)
        queue.add(self.entry("one"))
        #expect(self.take(2, from: &queue).map(\.caller).contains("one"))
        #expect(queue.count == 994)
    }

    @Test func theCallerWithFewerRunningGoesFirst() {
        var queue = JobQueue()
        let (busy, idle) = (self.entry("busy"), self.entry("idle"))
        queue.add(busy)
        queue.add(idle)
        let next = queue.next(at: self.now, running: { $0 == "busy" ? 1 : 0 }, hasRoom: { _ in true })
        #expect(next == idle)
    }

    @Test func aCallersJobsGoInOrder() {
        var queue = JobQueue()
        let entries = (0..<50).map { self.entry("a", "h\($0 % 3)") }
        for entry in entries { queue.add(entry) }
        #expect(self.take(60, from: &queue) == entries)
        #expect(queue.count == 0)
    }

    @Test func aBusyHostIsPassed() {
        var queue = JobQueue()
        let (first, second) = (self.entry("a", "busy"), self.entry("a", "idle"))
        queue.add(first)
        queue.add(second)
        #expect(queue.next(at: self.now, running: { _ in 0 }, hasRoom: { $0 != "busy" }) == second)
        #expect(queue.next(at: self.now, running: { _ in 0 }, hasRoom: { $0 != "busy" }) == nil)
        #expect(queue.next(at: self.now, running: { _ in 0 }, hasRoom: { _ in true }) == first)
    }

    @Test func aDelayedJobWaitsForItsTime() {
        var queue = JobQueue()
        let late = self.entry("a", notBefore: self.now.addingTimeInterval(10))
        let later = self.entry("a", notBefore: self.now.addingTimeInterval(20))
        queue.add(later)
        queue.add(late)
        #expect(queue.nextDue == late.notBefore)
        #expect(self.take(1, from: &queue).isEmpty)
        #expect(self.take(3, from: &queue, at: self.now.addingTimeInterval(10)) == [late])
        #expect(self.take(3, from: &queue, at: self.now.addingTimeInterval(20)) == [later])
    }

    @Test func whatIsTakenOutDoesNotCome() {
        var queue = JobQueue()
        let entries = (0..<5).map { _ in self.entry("a") } + [self.entry("a", notBefore: self.now)]
        for entry in entries { queue.add(entry) }
        // Twice in line is once.
        queue.add(entries[0])
        queue.remove(entries[1].id)
        queue.remove(entries[5].id)
        queue.remove(UUID())
        #expect(self.take(9, from: &queue) == [entries[0], entries[2], entries[3], entries[4]])
    }
}
