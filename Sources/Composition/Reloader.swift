// SPDX-License-Identifier: Apache-2.0

import Downloads
import Gateway
import Logging
import Providers
import ServiceLifecycle
import Transfer
import UnixSignals

/// Reads the configuration again, on SIGHUP and when its file has changed, and has the gateway serve by it.
///
/// What is wrong with it is said, and nothing changes then. Keys that take a restart are named and keep their old value.
struct Reloader: Service {
    let source: ConfigurationSource
    let parts: Parts
    let gateway: GatewayApplication
    let logger: Logger

    /// A changed file is read once it has been the same for this long: it may be half-written before.
    private static let interval = Duration.seconds(1)

    private enum Cause: String {
        case signal = "SIGHUP"
        case file = "the file changed"
    }

    func run() async throws {
        let first = Running(configuration: self.parts.configuration, outline: .init(self.parts.configuration))
        self.keep(first.outline)
        await cancelWhenGracefulShutdown {
            var running = first
            for await cause in self.causes() { running = await self.reload(running, cause) }
        }
    }

    private struct Running {
        let configuration: Configuration
        /// With the old values of what takes a restart.
        let outline: ConfigurationOutline
    }

    private func causes() -> AsyncStream<Cause> {
        let (causes, continuation) = AsyncStream.makeStream(of: Cause.self, bufferingPolicy: .bufferingNewest(1))
        let signals = Task {
            for await _ in await UnixSignalsSequence(trapping: .sighup) { continuation.yield(.signal) }
        }
        let file = Task {
            var known = self.source.stamp
            var last = known
            while (try? await Task.sleep(for: Self.interval)) != nil {
                let now = self.source.stamp
                if now != known, now == last, now != nil {
                    known = now
                    continuation.yield(.file)
                }
                last = now
            }
        }
        continuation.onTermination = { _ in
            signals.cancel()
            file.cancel()
        }
        return causes
    }

    /// Answers what the gateway runs with afterwards.
    private func reload(_ old: Running, _ cause: Cause) async -> Running {
        do {
            let new = try self.source.read()
            let outline = ConfigurationOutline(new)
            try await self.parts.apply(new, in: self.gateway, instead: old.configuration)
            self.report(old.outline.changes(to: outline), cause)
            let running = Running(configuration: new, outline: old.outline.reloading(outline))
            self.keep(running.outline)
            return running
        } catch {
            self.logger.error(
                "The configuration is refused; the gateway goes on with the old one.",
                metadata: ["cause": "\(cause.rawValue)", "faults": "\(error)"]
            )
            return old
        }
    }

    private func report(_ changes: [ConfigurationOutline.Change], _ cause: Cause) {
        let (late, done) = (changes.filter(\.needsRestart), changes.filter { !$0.needsRestart })
        self.logger.info(
            "The configuration was reloaded.",
            metadata: ["cause": "\(cause.rawValue)", "changed": .array(done.map { .string($0.path) })]
        )
        guard !late.isEmpty else { return }
        self.logger.warning(
            "Some changes take a restart; until then the old values hold.",
            metadata: ["keys": .array(late.map { .string($0.path) })]
        )
    }

    private func keep(_ outline: ConfigurationOutline) {
        do {
            try outline.keep(in: self.parts.configuration.storagePath)
        } catch {
            self.logger.warning(
                "`sluice check --diff` will not see this configuration.",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
