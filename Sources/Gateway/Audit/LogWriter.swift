// SPDX-License-Identifier: Apache-2.0

public import Logging
import NIOConcurrencyHelpers
public import ServiceLifecycle

/// Takes log entries without making anybody wait, and writes them in batches from a task of its own.
///
/// Recording costs a lock and an append, never the disk. An entry is on the disk after 250 ms, or 512 entries, and one
/// transaction: that much a crash loses, less than a second while the disk keeps up. A clean stop writes everything. While the
/// disk does not keep up, 65,536 entries wait; what comes then is counted, and said loudly in the operator's log.
public final class LogWriter: Service {
    private struct Queue {
        var entries: [LogEntry] = []
        var recorded = 0
        var dropped = 0
        var unreported = 0
    }

    /// Tells who listens that entries were written, so that they can be read.
    let feed = NumberFeed()

    private let journal: LogJournal
    private let logger: Logger
    private let capacity: Int
    private let retention: Duration?
    private let sleep: @Sendable (Duration) async throws -> Void
    private let queue = NIOLockedValueBox(Queue())
    private let wakeups: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    private static let batch = 512

    /// Creates a writer; once an hour, what is older than `retention` is dropped by whole days, `nil` keeps all.
    public init(
        journal: LogJournal,
        logger: Logger,
        retention: Duration? = nil,
        capacity: Int = 65_536,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.journal = journal
        self.logger = logger
        self.sleep = sleep
        self.retention = retention
        self.capacity = max(1, capacity)
        (self.wakeups, self.wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes an entry; returns at once, and is safe in a cancelled task.
    public func record(_ entry: LogEntry) {
        let entry = entry.bounded
        let count = self.queue.withLockedValue { queue in
            guard queue.entries.count < self.capacity else {
                queue.dropped += 1
                queue.unreported += 1
                return 0
            }
            queue.entries.append(entry)
            queue.recorded += 1
            return queue.entries.count
        }
        if count == Self.batch { self.wake.yield() }
    }

    /// How many entries were taken since the start.
    public var recordedCount: Int { self.queue.withLockedValue { $0.recorded } }

    /// How many entries wait to be written.
    public var queuedCount: Int { self.queue.withLockedValue { $0.entries.count } }

    /// How many entries found no room since the start.
    public var droppedCount: Int { self.queue.withLockedValue { $0.dropped } }

    /// Writes all that was recorded before; afterwards it can be read.
    ///
    /// Returns without having written where the store fails; then the entries stay in line, and the operator's log says so.
    public func flush() async {
        // In a task of its own: what was recorded is written even if who asks is cancelled.
        await Task { await self.write() }.value
    }

    /// Writes until the graceful shutdown, and then what is left.
    public func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.tick() }
            group.addTask { await self.prune() }
            await withGracefulShutdownHandler {
                for await _ in self.wakeups { await self.write() }
            } onGracefulShutdown: {
                self.wake.finish()
            }
            group.cancelAll()
        }
        await self.flush()
        self.feed.finish()
    }

    private func tick() async {
        while (try? await self.sleep(.milliseconds(250))) != nil { self.wake.yield() }
    }

    private func prune() async {
        guard let retention else { return }
        repeat {
            do throws(StoreError) {
                try await self.journal.prune(olderThan: retention) { try await self.sleep(.milliseconds(20)) }
            } catch {
                self.logger.error("Old log entries cannot be deleted.", metadata: ["error": "\(error)"])
            }
        } while (try? await self.sleep(.seconds(3600))) != nil
    }

    private func write() async {
        do throws(StoreError) {
            // The entries are taken only when it is this write's turn, so that a later one never overtakes an earlier one.
            let newest = try await self.journal.append(taking: { self.take() }, orReturning: { self.putBack($0) })
            if let newest { self.feed.announce(newest) }
        } catch {
            self.logger.error("The log cannot be written; its entries wait.", metadata: ["error": "\(error)"])
        }
        let dropped = self.queue.withLockedValue { queue in
            defer { queue.unreported = 0 }
            return queue.unreported
        }
        guard dropped > 0 else { return }
        self.logger.critical("The log has lost entries: its queue was full.", metadata: ["lost": "\(dropped)"])
    }

    private func take() -> [LogEntry] {
        self.queue.withLockedValue { queue in
            defer { queue.entries = [] }
            return queue.entries
        }
    }

    private func putBack(_ entries: [LogEntry]) {
        self.queue.withLockedValue { $0.entries.insert(contentsOf: entries, at: 0) }
    }
}
