// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import ServiceLifecycle

/// Has the providers bring in what callers asked for: who is next, how often it is tried, how it ends.
///
/// The rows of ``JobTable`` are the truth; what is in here is made of them at a start. A job that ran when the process ended, for
/// whatever reason, is queued again with what its provider kept.
actor JobRunner {
    /// Why a running try is ended from here.
    enum Ending {
        /// The process stops; the job goes on at the next start.
        case stop
        /// Somebody cancelled it, and sees to the rest.
        case cancel
        /// Its time is used up.
        case timeout
    }

    /// How a try ended.
    enum TryEnding: String, CaseIterable {
        /// The file is there.
        case completed
        /// It is tried again.
        case retried
        /// It was given up.
        case failed
    }

    struct Running {
        let entry: JobQueue.Entry
        /// Whether a caller waits for it, who sends it: it takes nobody's place.
        var isCarried = false
        /// Ends once the row says what became of the try.
        var settled: Task<Void, Never>?
        /// The try itself; cancelling it ends it.
        var fetch: Task<Void, Never>?
        var ending: Ending?
        /// The job's place in line for another try, once this one is over.
        var next: JobQueue.Entry?
    }

    let table: JobTable
    let directory: ProviderDirectory
    let catalogue: Catalogue
    let policy: JobPolicy
    nonisolated let feed: DownloadFeed
    nonisolated let progress = JobProgress()
    nonisolated let tries = Tally<TryEnding>()
    let now: @Sendable () -> Date
    let instant: @Sendable () -> ContinuousClock.Instant
    let sleep: @Sendable (Duration) async throws -> Void
    let logger: Logger

    var running: [UUID: Running] = [:]
    private var queue = JobQueue()
    /// Jobs whose rows are there, or about to be, and whose turn this process is yet to say.
    private var coming: Set<UUID> = []
    /// Jobs that are being cancelled, which begin no try meanwhile.
    var cancelling: [UUID: Task<Job, any Error>] = [:]
    /// Jobs are begun between the start and the stop only.
    private(set) var isServing = false
    private var timer: Task<Void, Never>?
    /// What copies are read from, between the start and the stop.
    private(set) var sources: (any CopySources)?

    init(
        table: JobTable,
        directory: ProviderDirectory,
        catalogue: Catalogue,
        policy: JobPolicy,
        feed: DownloadFeed,
        now: @escaping @Sendable () -> Date,
        instant: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        logger: Logger
    ) {
        self.table = table
        self.directory = directory
        self.catalogue = catalogue
        self.policy = policy
        self.feed = feed
        self.now = now
        self.instant = instant
        self.sleep = sleep
        self.logger = logger
    }

    // MARK: Start and stop

    /// Queues what had not ended, and begins.
    func start(copyingFrom sources: any CopySources) async throws {
        self.sources = sources
        self.isServing = true
        try await self.adopt()
    }

    /// Queues what another process took in for this store, such as one that was about to stop.
    func adopt() async throws {
        for job in try await self.table.open() where !self.isInHand(job.id) { self.queue.add(JobQueue.Entry(job)) }
        self.fill()
    }

    /// Whether somebody here sees to a job that is not in line.
    private func isInHand(_ id: UUID) -> Bool {
        self.running[id] != nil || self.coming.contains(id) || self.cancelling[id] != nil
    }

    /// Ends every try; returns when the rows say so.
    func stop() async {
        self.isServing = false
        self.sources = nil
        self.timer?.cancel()
        for id in self.running.keys { self.end(id, .stop) }
        for work in self.running.values { await work.settled?.value }
        self.feed.finish()
    }

    // MARK: Whose turn it is

    /// Commits a job; until ``queue(_:)`` or ``carry(_:)``, its row is not taken for another process's.
    func insert(
        _ job: Job,
        _ request: JobRequest,
        _ idempotency: JobTable.Idempotency?
    ) async throws -> JobTable.Insertion {
        self.coming.insert(job.id)
        do {
            let insertion = try await self.table.insert(job, request, idempotency, mostOpen: self.policy.mostOpen)
            if insertion != .made { self.cameIn(job.id) }
            return insertion
        } catch {
            self.cameIn(job.id)
            throw error
        }
    }

    /// From now on the job is queued or running, or is none.
    func cameIn(_ id: UUID) { self.coming.remove(id) }

    /// Puts a job into line.
    func queue(_ job: Job) {
        self.cameIn(job.id)
        // Who cancels it puts it back into line where that fails.
        guard self.cancelling[job.id] == nil else { return }
        self.queue.add(JobQueue.Entry(job))
        self.fill()
    }

    /// Takes a job out of line.
    func unqueue(_ id: UUID) { self.queue.remove(id) }

    /// How many wait, and how many run.
    var load: (waiting: Int, running: Int) { (self.queue.count, self.running.count) }

    /// Begins what may begin, and comes back when the next one is due.
    func fill() {
        guard self.isServing else { return }
        while self.running.values.count(where: { !$0.isCarried }) < self.policy.concurrency, let entry = self.next() {
            self.running[entry.id] = Running(entry: entry)
            self.running[entry.id]?.settled = Task { await self.work(on: entry) }
        }
        self.timer?.cancel()
        self.timer = self.queue.nextDue.map { due in
            let wait = min(max(due.timeIntervalSince(self.now()), 0.01), 1)
            return Task {
                guard (try? await self.sleep(.seconds(wait))) != nil else { return }
                self.fill()
            }
        }
    }

    private func next() -> JobQueue.Entry? {
        let entries = self.running.values.map(\.entry)
        let callers = Dictionary(grouping: entries, by: \.caller).mapValues(\.count)
        let hosts = Dictionary(grouping: entries, by: \.host).mapValues(\.count)
        return self.queue.next(
            at: self.now(),
            running: { callers[$0, default: 0] },
            hasRoom: { hosts[$0, default: 0] < self.policy.perHost }
        )
    }

    private func work(on entry: JobQueue.Entry) async {
        await self.attempt(entry.id)
        let ended = self.running.removeValue(forKey: entry.id)
        self.progress.forget(entry.id)
        // Whoever cancelled it sees to the rest.
        if self.isServing, ended?.ending != .cancel, let next = ended?.next { self.queue.add(next) }
        self.fill()
    }

    /// Ends a running try; the first reason counts.
    func end(_ id: UUID, _ ending: Ending) {
        guard self.running[id]?.ending == nil else { return }
        self.running[id]?.ending = ending
        self.running[id]?.fetch?.cancel()
    }
}

extension JobQueue.Entry {
    init(_ job: Job) {
        self.init(
            id: job.id,
            caller: job.caller,
            host: "\(job.provider) \(job.host)",
            notBefore: job.nextTryAt
        )
    }
}
