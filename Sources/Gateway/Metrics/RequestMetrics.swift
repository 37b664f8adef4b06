// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOConcurrencyHelpers

/// Counts requests when they end: by route, provider and problem, never by what a caller wrote.
///
/// A request costs some look-ups in tables that never change, and some atomic additions.
final class RequestMetrics: Sendable {
    /// How the requests of one route and method did.
    final class Traffic: Sendable {
        let ended = Tally<Ending>()
        let durations = DurationBuckets()
        let bytesIn = Counter()
        let bytesOut = Counter()
    }

    /// How a request ended: what the log says, and the status to its first digit.
    struct Ending: Hashable, CaseIterable, Sendable {
        let outcome: LogEntry.Outcome
        let statusClass: Int

        static let allCases = LogEntry.Outcome.allCases.flatMap { outcome in
            (1...5).map { Ending(outcome: outcome, statusClass: $0) }
        }
    }

    /// A route and a method that it has.
    struct Route: Hashable, Sendable {
        let path: String
        let method: String
    }

    /// How the requests about one provider did.
    final class ProviderTraffic: Sendable {
        let ended = Tally<LogEntry.Outcome>()
        let bytesIn = Counter()
        let bytesOut = Counter()
    }

    /// Requests that have begun and not ended.
    let inFlight = Counter()
    /// In the order of the routes; what matched none is last.
    let routes: [(route: Route, traffic: Traffic)]
    let problems = Tally<Problem.Code>()
    /// By ``LogEntry/Timings``' names.
    let phases = Dictionary(uniqueKeysWithValues: LogEntry.Timings.names.map { ($0, DurationBuckets()) })

    private let byPath: [String: [String: Traffic]]
    private let unmatched = Traffic()
    private let providers = NIOLockedValueBox<[String: ProviderTraffic]>([:])

    init(routes: [Route]) {
        let known = routes.map { (route: $0, traffic: Traffic()) }
        self.routes = known + [(route: Route(path: "none", method: "any"), traffic: self.unmatched)]
        self.byPath = Dictionary(grouping: known, by: \.route.path).mapValues { members in
            Dictionary(members.map { ($0.route.method, $0.traffic) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// Counts a request that has ended.
    func count(_ entry: LogEntry) {
        let traffic = entry.route.flatMap { self.byPath[$0]?[entry.method] } ?? self.unmatched
        traffic.ended.add(Ending(outcome: entry.outcome, statusClass: entry.status / 100))
        traffic.durations.add(seconds: entry.durationMs / 1000)
        traffic.bytesIn.add(entry.bytesIn)
        traffic.bytesOut.add(entry.bytesOut)
        if let code = entry.code.flatMap(Problem.Code.init) { self.problems.add(code) }
        for (name, milliseconds) in entry.timings.named { self.phases[name]?.add(seconds: milliseconds / 1000) }
        guard let name = entry.provider else { return }
        let provider = self.providers.withLockedValue { providers in
            if let known = providers[name] { return known }
            let new = ProviderTraffic()
            providers[name] = new
            return new
        }
        provider.ended.add(entry.outcome)
        provider.bytesIn.add(entry.bytesIn)
        provider.bytesOut.add(entry.bytesOut)
    }

    /// What there is of these providers; others are forgotten, so that those that come and go do not add up.
    func providers(keeping names: [String]) -> [(name: String, traffic: ProviderTraffic)] {
        let known = self.providers.withLockedValue { providers in
            providers = providers.filter { names.contains($0.key) }
            return providers
        }
        return names.compactMap { name in known[name].map { (name: name, traffic: $0) } }
    }
}

extension LogEntry.Timings {
    /// The parts, in the order in which they happen.
    static let names = ["auth", "limit", "cache", "upstream", "body"]

    /// Those that happened.
    var named: [(name: String, milliseconds: Double)] {
        zip(Self.names, [self.auth, self.limit, self.cache, self.upstream, self.body]).compactMap { name, value in
            value.map { (name: name, milliseconds: $0) }
        }
    }
}
