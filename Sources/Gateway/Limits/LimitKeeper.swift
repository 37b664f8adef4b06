// SPDX-License-Identifier: Apache-2.0

import Logging
import ServiceLifecycle

/// Keeps what callers have used up over a restart, without making a request wait.
///
/// Changed accounts are written every 500 ms, and at a clean stop: after a crash, the counting of at most 500 ms and of one
/// write is lost. While the store cannot be written, they wait.
struct LimitKeeper: Service {
    private static let interval = Duration.milliseconds(500)
    private static let batch = 1024
    /// Idle accounts are looked for once in so many intervals.
    private static let intervalsToForget = 120

    let limiter: RateLimiter
    let table: LimitAccountTable
    let now: @Sendable () -> LimitMoment
    let logger: Logger

    /// Reads what was kept, before the first request.
    func load() async throws(StoreError) { self.limiter.restore(try await self.table.all(), now: self.now()) }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var intervals = 0
            while (try? await Task.sleep(for: Self.interval)) != nil {
                intervals += 1
                if intervals % Self.intervalsToForget == 0 { self.limiter.forgetIdle(now: self.now()) }
                await self.flush()
            }
        }
        // In a task of its own, for this one may be cancelled, and then nothing would be written.
        await Task { await self.flush() }.value
    }

    /// Writes all that changed before.
    ///
    /// Returns without having written all where the store fails; then the operator's log says so.
    func flush() async {
        var changes: [(caller: String, record: LimitAccountRecord?)]
        repeat {
            changes = self.limiter.takeChanges(Self.batch, now: self.now())
            guard !changes.isEmpty else { return }
            do throws(StoreError) {
                try await self.table.write(changes)
            } catch {
                self.limiter.putBack(changes.map(\.caller))
                // Cancelled at a clean stop, after which all is written.
                guard !Task.isCancelled else { return }
                return self.logger.error("The counts of limits cannot be kept.", metadata: ["error": "\(error)"])
            }
            // What changes meanwhile waits for the next time, or this would never end.
        } while changes.count == Self.batch
    }
}
