// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Where requests are written down: the log, and what is counted of them.
struct RequestLog: Sendable {
    let log: LogWriter
    let metrics: RequestMetrics

    /// Opens the record of a request that began at `startedOn`.
    func open(
        _ entry: LogEntry,
        trace: RequestTrace? = nil,
        startedOn: ContinuousClock.Instant = .now
    ) -> RequestRecord {
        let (log, metrics) = (self.log, self.metrics)
        metrics.inFlight.add()
        return RequestRecord(entry, trace: trace, startedOn: startedOn) { entry in
            metrics.inFlight.add(-1)
            metrics.count(entry)
            log.record(entry)
        }
    }
}
