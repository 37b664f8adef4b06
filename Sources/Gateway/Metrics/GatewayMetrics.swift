// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore

/// Everything that `/metrics` shows, read where it is kept at the moment when somebody asks.
///
/// How many series there are is bounded by what an operator decides: routes of the contract, names of providers, and closed
/// lists of outcomes. No key, path, address or other text of a caller is ever a label.
struct GatewayMetrics: Sendable {
    let requests: RequestMetrics
    let refusals: Tally<LimitRefusal>
    let library: DownloadLibrary
    let limiter: RateLimiter
    let log: LogWriter
    let jobs: JobRunner
    let door: FrontDoorCounts
    let transfers: @Sendable () async -> TransferCount

    /// All of it as text.
    func text(_ form: MetricsText.Form) async -> String {
        var text = MetricsText(form)
        text.family("sluice_build_info", .gauge, "The version that runs; always 1.")
        text.sample(1, ["version": GatewayVersion.current])
        self.writeRequests(to: &text)
        self.writeMoment(to: &text)
        self.writeProviders(to: &text)
        self.writeUpstreamCalls(to: &text)
        self.writeLists(to: &text)
        self.writeLimits(to: &text)
        await self.writeJobs(to: &text)
        await self.writeTransfers(to: &text)
        self.writeLog(to: &text)
        ProcessStatistics.read().write(to: &text)
        return text.finished
    }

    // MARK: Callers

    private func writeRequests(to text: inout MetricsText) {
        // A route that nobody asked for has nothing to show.
        let routes = self.requests.routes.filter { $0.traffic.durations.snapshot.counts.last ?? 0 > 0 }
        text.family("sluice_requests", .counter, "Requests that ended, by how: what the log calls the outcome.")
        for (route, traffic) in routes {
            for ending in RequestMetrics.Ending.allCases where traffic.ended[ending] > 0 {
                text.sample(
                    traffic.ended[ending],
                    [
                        "method": route.method, "route": route.path, "status": "\(ending.statusClass)xx",
                        "outcome": ending.outcome.rawValue,
                    ]
                )
            }
        }
        text.family("sluice_request_duration_seconds", .histogram, "From a request's head to its answer's last byte.")
        for (route, traffic) in routes {
            text.sample(traffic.durations.snapshot, ["method": route.method, "route": route.path])
        }
        text.family("sluice_request_body_bytes", .counter, "Bytes of requests' bodies.")
        for (route, traffic) in routes {
            text.sample(traffic.bytesIn.value, ["method": route.method, "route": route.path])
        }
        text.family("sluice_response_body_bytes", .counter, "Bytes of answers' bodies that were sent.")
        for (route, traffic) in routes {
            text.sample(traffic.bytesOut.value, ["method": route.method, "route": route.path])
        }
    }

    private func writeMoment(to text: inout MetricsText) {
        text.family("sluice_request_phase_seconds", .histogram, "Where requests' time went, as in Server-Timing.")
        for name in LogEntry.Timings.names {
            if let phase = self.requests.phases[name] { text.sample(phase.snapshot, ["phase": name]) }
        }
        text.family("sluice_requests_in_flight", .gauge, "Requests that have begun and not ended.")
        text.sample(self.requests.inFlight.value)
        text.family("sluice_connections", .gauge, "Open connections of callers.")
        let door = self.door.snapshot
        text.sample(door.connections)
        text.family("sluice_connections_accepted", .counter, "Connections of callers.")
        text.sample(door.connectionsTotal)
        text.family(
            "sluice_prepared_answers",
            .counter,
            "Requests whose answer was at hand: asked before in the same words."
        )
        text.sample(door.prepared)
        text.family("sluice_front_door_refusals", .counter, "What the front door turned away, by reason.")
        for reason in FrontDoorRefusal.allCases {
            text.sample(door.refusals[reason] ?? 0, ["reason": reason.rawValue])
        }
        text.family("sluice_problems", .counter, "Problems that were answered, by code.")
        for code in Problem.Code.allCases { text.sample(self.requests.problems[code], ["code": code.rawValue]) }
    }

    // MARK: Providers

    private func writeProviders(to text: inout MetricsText) {
        let registered = self.library.directory.current.registered
        let traffic = self.requests.providers(keeping: registered.map(\.id.name))
        text.family("sluice_provider_requests", .counter, "Requests about one provider, by outcome.")
        for (name, traffic) in traffic {
            for outcome in LogEntry.Outcome.allCases {
                text.sample(traffic.ended[outcome], ["provider": name, "outcome": outcome.rawValue])
            }
        }
        text.family(
            "sluice_provider_request_body_bytes",
            .counter,
            "Bytes of the bodies of requests about one provider."
        )
        for (name, traffic) in traffic { text.sample(traffic.bytesIn.value, ["provider": name]) }
        text.family(
            "sluice_provider_response_body_bytes",
            .counter,
            "Bytes of the answers to requests about one provider."
        )
        for (name, traffic) in traffic { text.sample(traffic.bytesOut.value, ["provider": name]) }
        text.family("sluice_provider_state", .gauge, "1 for the state that a provider is in, 0 for the others.")
        for provider in registered {
            let state = provider.entry.health.snapshot.state
            for candidate in ProviderHealth.State.allCases {
                let labels: MetricsText.Labels = ["provider": provider.id.name, "state": candidate.rawValue]
                text.sample(candidate == state ? 1 : 0, labels)
            }
        }
    }

    private func writeUpstreamCalls(to text: inout MetricsText) {
        let registered = self.library.directory.current.registered.filter { $0.entry.provider != nil }
        text.family("sluice_upstream_calls", .counter, "Calls to providers, retries included in the one call.")
        for provider in registered {
            for outcome in ProviderCalls.Outcome.allCases {
                let count = provider.entry.health.calls.count(outcome)
                text.sample(count, ["provider": provider.id.name, "outcome": outcome.rawValue])
            }
        }
        text.family("sluice_upstream_call_duration_seconds", .histogram, "Calls to providers, of files up to the head.")
        for provider in registered {
            text.sample(provider.entry.health.calls.duration, ["provider": provider.id.name])
        }
    }

    private func writeLists(to text: inout MetricsText) {
        text.family("sluice_list_sources", .counter, "Providers' parts in lists: fresh, cached, stale and so on.")
        for state in SourceReport.State.allCases {
            text.sample(self.library.sourceStates[state], ["state": state.rawValue])
        }
        let held = self.library.catalogue.held
        text.family("sluice_catalogue_entries", .gauge, "What the catalogue holds in memory.")
        text.sample(held.listings, ["kind": "listings"])
        text.sample(held.downloads, ["kind": "downloads"])
    }

    // MARK: The rest

    private func writeLimits(to text: inout MetricsText) {
        text.family("sluice_limiter_callers", .gauge, "Callers whose limits are being counted.")
        text.sample(self.limiter.accountCount)
        text.family("sluice_limiter_refusals", .counter, "Requests that a limit refused.")
        for limit in LimitRefusal.allCases { text.sample(self.refusals[limit], ["limit": limit.rawValue]) }
    }

    private func writeJobs(to text: inout MetricsText) async {
        let load = await self.jobs.load
        text.family("sluice_jobs", .gauge, "Jobs that bring URLs in, and have not ended.")
        text.sample(load.waiting, ["state": "waiting"])
        text.sample(load.running, ["state": "running"])
        text.family("sluice_job_tries", .counter, "Tries of jobs, by how they ended.")
        for ending in JobRunner.TryEnding.allCases {
            text.sample(self.jobs.tries[ending], ["outcome": ending.rawValue])
        }
    }

    private func writeTransfers(to text: inout MetricsText) async {
        let transfers = await self.transfers()
        text.family(
            "sluice_transfers_open",
            .gauge,
            "Transfers from and to upstreams that have a connection or want one."
        )
        text.sample(transfers.open)
        text.family("sluice_transfers", .counter, "Transfers that were begun; each redirect is one more.")
        text.sample(transfers.begun)
        text.family("sluice_resumed_bodies", .counter, "Bodies that went on where their upstream had broken off.")
        text.sample(self.library.resumed.value)
        text.family("sluice_relayed_bodies", .counter, "Bodies that the system moved from socket to socket.")
        text.sample(self.library.relayed.value)
    }

    private func writeLog(to text: inout MetricsText) {
        text.family("sluice_log_entries", .counter, "Entries that the request log took.")
        text.sample(self.log.recordedCount)
        text.family("sluice_log_dropped", .counter, "Entries that were lost, because the log's queue was full.")
        text.sample(self.log.droppedCount)
        text.family("sluice_log_queued", .gauge, "Entries that are not on the disk yet.")
        text.sample(self.log.queuedCount)
    }
}

extension ProcessStatistics {
    /// Under the names that every Prometheus client uses.
    fileprivate func write(to text: inout MetricsText) {
        func family(_ name: String, _ kind: MetricsText.Kind, _ value: (some MetricValue)?, _ help: String) {
            guard let value else { return }
            text.family(name, kind, help)
            text.sample(value)
        }
        family("process_resident_memory_bytes", .gauge, self.residentBytes, "Memory that is in use.")
        family("process_virtual_memory_bytes", .gauge, self.virtualBytes, "Memory that is addressed.")
        family("process_threads", .gauge, self.threads, "Threads.")
        family("process_open_fds", .gauge, self.openDescriptors, "Open descriptors.")
        family("process_max_fds", .gauge, self.mostDescriptors, "The most descriptors that may be open.")
        family("process_cpu_seconds", .counter, self.cpuSeconds, "Processor time, user and system.")
        family("process_start_time_seconds", .gauge, self.startTime, "When the process began, since 1970.")
    }
}
