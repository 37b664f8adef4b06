// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators

/// A list without `sessionId` rests on these: finished sessions too, the newest, and no more than asked for.
enum SessionChecks {
    static let all = [
        ConformanceCheck("no sessions", where: { !$0.has(.sessionsAreFolders) }) { bench in
            try requireEqual(try await bench.provider.sessions(limit: 10).map(\.id), [], "sessions")
        },
        ConformanceCheck("finished sessions are listed, newest first") { bench in
            let ids = [
                bench.addSession(state: .finished), bench.addSession(state: .running),
                bench.addSession(state: .finished),
            ]
            let found = try await bench.provider.sessions(limit: 10)
            try requireEqual(Set(found.map(\.id)), Set(ids), "sessions")
            guard !bench.harness.has(.sessionsAreFolders) else { return }
            try requireEqual(found.map(\.id), ids.reversed(), "order")
            try require(found.allSatisfy { $0.createdAt != nil }, "a session without a time")
        },
        ConformanceCheck("no more sessions than asked for, and the newest") { bench in
            let ids = (0..<75).map { _ in bench.addSession() }
            let found = try await bench.provider.sessions(limit: 5).map(\.id)
            try requireEqual(found.count, 5, "sessions")
            guard !bench.harness.has(.sessionsAreFolders) else { return }
            try requireEqual(found, Array(ids.reversed().prefix(5)), "newest")
        },
        ConformanceCheck("many sessions, none twice and none missing") { bench in
            let ids = (0..<130).map { _ in bench.addSession() }
            let found = try await bench.provider.sessions(limit: 200).map(\.id)
            try requireEqual(Set(found), Set(ids), "sessions")
            try requireEqual(found.count, 130, "sessions")
        },
        ConformanceCheck("sessions that cannot be asked for throw") { bench in
            bench.addSession()
            bench.breakEverything(.status(500))
            _ = try await bench.failure("sessions") { _ = try await bench.provider.sessions(limit: 10) }
            bench.mend()
            bench.breakEverything(.html)
            let error = try await bench.failure("sessions") { _ = try await bench.provider.sessions(limit: 10) }
            try requireEqual(error.kind, .malformedResponse, "kind for HTML")
        },
    ]
}
