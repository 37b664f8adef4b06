// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators

/// Of several credentials, one that is refused or limited costs no caller anything.
enum PoolChecks {
    static let all =
        [
            Self.passesOver("is unknown (401)", { _ in .refused(status: 401) }, .refused, by: 300),
            Self.passesOver("may not (403)", { _ in .refused(status: 403) }, .refused, by: 300),
            Self.limited("says nothing", by: 30) { _ in [:] },
            Self.limited("says seconds", by: 17) { _ in ["Retry-After": "17"] },
            Self.limited("says a date", by: 90) { ["Retry-After": StatusChecks.httpDate($0.addingTimeInterval(90))] },
            Self.limited("says a reset in seconds", by: 12) { _ in ["x-ratelimit-reset": "12"] },
            Self.limited("says a reset as a unix time", by: 45) {
                ["X-RateLimit-Reset": String(Int($0.timeIntervalSince1970) + 45)]
            },
            Self.limited("says the draft's fields", by: 58) { _ in
                ["RateLimit": "\"5-in-1min\"; r=0; t=58", "RateLimit-Policy": "\"5-in-1min\"; q=5; w=60"]
            },
        ] + Self.others

    private static let others = [
        ConformanceCheck("a pool: all rest, and nothing is asked") { bench in
            bench.simulator.keys.treat(bench.simulator.credentials, as: .limited(headers: ["Retry-After": "50"]))
            bench.simulator.keys.treat(bench.second, as: .limited(headers: ["Retry-After": "20"]))
            for (seconds, requests) in [(20, 2), (19, 0), (18, 0)] {
                let error = try await Self.failure("check", bench)
                try requireEqual(error.kind, .rateLimited, "kind")
                try requireEqual(error.retry, .after(.seconds(seconds)), "retry")
                try requireEqual(bench.requests.count, requests, "requests")
                bench.clearRequests()
                bench.clock.advance(by: 1)
            }
            try requireEqual(bench.states, [.cooling, .cooling], "states")
            bench.clock.advance(by: 17)
            bench.simulator.keys.treat(bench.second, as: .served)
            try await bench.check()
            try requireEqual(bench.uses, [0, 1], "uses")
        },
        ConformanceCheck("a pool: what is forbidden to all takes none away") { bench in
            for credential in [bench.simulator.credentials, bench.second] {
                bench.simulator.keys.treat(credential, as: .refused(status: 403))
            }
            for _ in 1...3 {
                let error = try await Self.failure("check", bench)
                try requireEqual(error.kind, .unauthorized, "kind")
                try requireEqual(error.retry, .never, "retry")
                try requireEqual(bench.uses, [1, 1], "uses")
                try requireEqual(bench.states, [.ok, .ok], "states")
                bench.clearRequests()
            }
        },
        ConformanceCheck("a pool: none is known, and each is still asked") { bench in
            for credential in [bench.simulator.credentials, bench.second] {
                bench.simulator.keys.treat(credential, as: .refused(status: 401))
            }
            for _ in 1...2 {
                try requireEqual(try await Self.failure("check", bench).kind, .unauthorized, "kind")
                try requireEqual(bench.uses, [1, 1], "uses")
                try requireEqual(bench.states, [.refused, .refused], "states")
                bench.clearRequests()
            }
            bench.simulator.keys.treat(bench.second, as: .served)
            try await bench.check()
            try requireEqual(bench.states.last, .ok, "the state of one that works again")
        },
        ConformanceCheck("a pool: other failures are not the credential's") { bench in
            for status in [400, 404, 409, 500, 503] {
                bench.breakEverything(.status(status, headers: ["Retry-After": "9"]))
                _ = try await Self.failure("check with \(status)", bench)
                try requireEqual(bench.requests.count, 1, "requests for \(status)")
                try requireEqual(bench.states, [.ok, .ok], "states after \(status)")
                bench.mend()
                bench.clearRequests()
            }
        },
        ConformanceCheck("a pool: reads with the credential that is left") { bench in
            let (file, download) = try await bench.oneFile()
            for treatment in [SimulatedKeys.Treatment.refused(status: 401), .limited()] {
                bench.mend()
                bench.simulator.keys.treat(bench.simulator.credentials, as: treatment)
                let provider = bench.pooledProvider
                _ = try await provider.list(ListQuery(session: download.reference.session))
                try requireEqual(try await provider.download(download.reference), download, "the metadata")
                let content = try await provider.content(of: download.reference, ContentRequest())
                try requireEqual(try await bench.read(content.body), ConformanceBench.bytes(of: file), "bytes")
            }
        },
        // LiteLLM CVE-2024-6587: not even a second try takes a credential elsewhere.
        ConformanceCheck("a pool: each try goes to the configured origin only") { bench in
            let (_, download) = try await bench.oneFile()
            var pooled = bench
            pooled.provider = bench.pooledProvider
            let trap = try await BrowserbaseSimulator.start(library: SimulatedLibrary())
            let caught = try await SecretChecks.followingRedirects(to: trap, download, pooled)
            await trap.stop()
            for request in caught { try SecretChecks.requireNoCredential(in: request, bench) }
            try requireEqual(bench.states, [.ok, .ok], "what another origin says of a request without credential")
        },
        ConformanceCheck("a pool: its statuses and errors hold no secret") { bench in
            bench.simulator.keys.treat(bench.simulator.credentials, as: .refused(status: 401))
            bench.simulator.keys.treat(bench.second, as: .limited())
            let error = try await Self.failure("check", bench)
            var text = "\(bench.pooled) \(bench.pooled.credentials()) \(String(reflecting: error)) \(error)"
            dump(bench.pooled, to: &text)
            dump(bench.pooled.credentials(), to: &text)
            dump(error, to: &text)
            for secret in bench.secrets { try require(!text.contains(secret), "a secret in a status") }
        },
    ]

    /// The first credential is treated badly, and the second is used at once; when the rest is over, it has its turn again.
    private static func passesOver(
        _ what: String,
        _ treatment: @escaping @Sendable (Date) -> SimulatedKeys.Treatment,
        _ state: CredentialStatus.State,
        by seconds: TimeInterval
    ) -> ConformanceCheck {
        ConformanceCheck("a pool: the first \(what)") { bench in
            let (first, begin) = (bench.simulator.credentials, bench.clock.now)
            bench.simulator.keys.treat(first, as: treatment(begin))
            try await bench.check()
            try requireEqual(bench.uses, [1, 1], "uses of the first call")
            try requireEqual(bench.states, [state, .ok], "states")
            let status = bench.pooled.credentials()[0]
            try requireEqual(status.coolsUntil, begin.addingTimeInterval(seconds), "the end of the rest")
            try requireEqual(status.lastUsedAt, begin, "the last use")
            for pause in [0, seconds - 2] {
                bench.clock.advance(by: pause)
                bench.clearRequests()
                try await bench.check()
                try requireEqual(bench.uses, [0, 1], "uses while it rests")
            }
            bench.clock.advance(by: 2)
            bench.simulator.keys.treat(first, as: .served)
            bench.clearRequests()
            try requireEqual(bench.states, [.ok, .ok], "states after the rest")
            try await bench.check()
            try requireEqual(bench.uses, [1, 0], "uses after the rest")
        }
    }

    private static func limited(
        _ what: String,
        by seconds: TimeInterval,
        _ headers: @escaping @Sendable (Date) -> [String: String]
    ) -> ConformanceCheck {
        self.passesOver("is limited, which \(what)", { .limited(headers: headers($0)) }, .cooling, by: seconds)
    }

    private static func failure(_ what: String, _ bench: ConformanceBench) async throws -> ProviderError {
        try await bench.failure(what) { try await bench.check() }
    }
}
