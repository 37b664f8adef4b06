// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Jobs that wait, and whose turn it is.
///
/// Fair over callers: the next one is of the caller for whom the fewest run, and of those the one who was served longest ago. So a
/// thousand jobs of one caller delay another's first one by a single job. Within a caller the oldest goes first, past those whose
/// host is busy.
struct JobQueue {
    struct Entry: Hashable, Sendable {
        let id: UUID
        let caller: String
        let host: String
        /// Not before this time; `nil`: at once.
        var notBefore: Date?
    }

    /// What one caller has in line, apart by host, so that a busy host is passed in one step.
    private struct Lane {
        var hosts: [String: Line] = [:]
        var lastServed = 0
    }

    private var lanes: [String: Lane] = [:]
    /// By time; the next one last.
    private var delayed: [Entry] = []
    private var waiting: [UUID: Entry] = [:]
    private var lastNumber = 0

    /// How many wait.
    var count: Int { self.waiting.count }

    /// When the next delayed one is due.
    var nextDue: Date? { self.delayed.last?.notBefore }

    /// Puts a job into line.
    mutating func add(_ entry: Entry) {
        guard self.waiting.updateValue(entry, forKey: entry.id) == nil else { return }
        guard let time = entry.notBefore else { return self.line(up: entry) }
        let index = self.delayed.firstIndex { $0.notBefore ?? .distantPast <= time } ?? self.delayed.endIndex
        self.delayed.insert(entry, at: index)
    }

    /// Takes a job out of line.
    mutating func remove(_ id: UUID) {
        guard let entry = self.waiting.removeValue(forKey: id) else { return }
        self.delayed.removeAll { $0.id == id }
        self.lanes[entry.caller]?.hosts[entry.host]?.remove(id)
    }

    /// Takes the job whose turn it is; `nil` where none may begin now.
    mutating func next(
        at now: Date,
        running: (_ caller: String) -> Int,
        hasRoom: (_ host: String) -> Bool
    ) -> Entry? {
        while let due = self.delayed.last, due.notBefore ?? .distantPast <= now {
            self.line(up: self.delayed.removeLast())
        }
        let candidates = self.lanes.compactMap {
            caller,
            lane -> (load: Int, served: Int, caller: String, host: String)? in
            let heads = lane.hosts.compactMap { host, line in
                hasRoom(host) ? line.first.map { (number: $0.number, host: host) } : nil
            }
            return heads.min { $0.number < $1.number }.map { (running(caller), lane.lastServed, caller, $0.host) }
        }
        guard let turn = candidates.min(by: { ($0.load, $0.served) < ($1.load, $1.served) }),
            let entry = self.lanes[turn.caller]?.hosts[turn.host]?.removeFirst()
        else { return nil }
        if self.lanes[turn.caller]?.hosts[turn.host]?.first == nil { self.lanes[turn.caller]?.hosts[turn.host] = nil }
        self.waiting[entry.id] = nil
        self.lastNumber += 1
        self.lanes[turn.caller]?.lastServed = self.lastNumber
        return entry
    }

    private mutating func line(up entry: Entry) {
        self.lastNumber += 1
        self.lanes[entry.caller, default: Lane()].hosts[entry.host, default: Line()].append(self.lastNumber, entry)
    }
}

/// First in, first out; each with the number that it drew.
private struct Line {
    private var items: [(number: Int, entry: JobQueue.Entry)] = []
    /// What is before this was taken.
    private var head = 0

    var first: (number: Int, entry: JobQueue.Entry)? { self.head < self.items.count ? self.items[self.head] : nil }

    mutating func append(_ number: Int, _ entry: JobQueue.Entry) { self.items.append((number, entry)) }

    mutating func removeFirst() -> JobQueue.Entry? {
        guard let first = self.first else { return nil }
        self.head += 1
        if self.head * 2 > self.items.count {
            self.items.removeFirst(self.head)
            self.head = 0
        }
        return first.entry
    }

    mutating func remove(_ id: UUID) {
        self.items.removeFirst(self.head)
        self.head = 0
        self.items.removeAll { $0.entry.id == id }
    }
}
