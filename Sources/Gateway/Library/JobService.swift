// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Logging
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Runs the jobs of a store between the gateway's start and its stop, and tidies up now and then.
///
/// One process at a time: a second gateway over the same store waits until the first stops, which is before its last streams end.
struct JobService: Service {
    let runner: JobRunner
    /// What copies are read from.
    let sources: any CopySources
    /// The folder of the store.
    let folder: String
    let logger: Logger

    /// How often expired files and old jobs are looked for.
    private static let tidyInterval = Duration.seconds(60)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            guard let lock = await self.lock() else { return }
            await self.serve()
            close(lock)
        }
    }

    private func serve() async {
        let (runner, sources) = (self.runner, self.sources)
        // What is written at the end must not be written in a cancelled task.
        do {
            try await Task { try await runner.start(copyingFrom: sources) }.value
            repeat {
                await Task {
                    await runner.tidy()
                    try? await runner.adopt()
                }.value
            } while (try? await Task.sleep(for: Self.tidyInterval)) != nil
        } catch {
            self.logger.error("The jobs of the store cannot be read; none is run.", metadata: ["error": "\(error)"])
        }
        await Task { await runner.stop() }.value
    }

    /// Waits for the store's jobs; `nil` where the gateway stops before.
    private func lock() async -> Int32? {
        let file = open(self.folder + "/jobs.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            self.logger.error("jobs.lock cannot be made; no job is run.", metadata: ["folder": "\(self.folder)"])
            return nil
        }
        var isFirst = true
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            if isFirst { self.logger.warning("Another process runs the jobs of this store; waiting for its end.") }
            isFirst = false
            guard (try? await Task.sleep(for: .seconds(1))) != nil else {
                close(file)
                return nil
            }
        }
        return file
    }
}

extension JobRunner {
    /// Has providers drop what has outlived its retention, and forgets what ended long ago.
    func tidy() async {
        for entry in self.directory.current.providers.entries where entry.capabilities.create {
            do {
                guard let gone = try await entry.provider?.sweep(), !gone.isEmpty else { continue }
                try await self.table.remove(withResults: gone)
                for reference in gone { self.feed.announce(reference, isDeletion: true) }
            } catch {
                self.logger.error(
                    "What has expired was not removed.",
                    metadata: ["provider": "\(entry.id)", "error": "\(error)"]
                )
            }
        }
        let now = self.now()
        do {
            try await self.table.prune(endedBefore: now.addingTimeInterval(-self.policy.history), now: now)
        } catch {
            self.logger.error("Old jobs were not removed.", metadata: ["error": "\(error)"])
        }
    }
}
