// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Simulators

/// Each status of an upstream becomes one kind, with the right word on trying again.
enum StatusChecks {
    static let all = [
        Self.check(401, .unauthorized, .never),
        Self.check(403, .unauthorized, .never),
        Self.check(404, .notFound, .never),
        Self.check(409, .conflict, .never),
        Self.check(429, .rateLimited, .after(.seconds(30))),
        Self.check(500, .upstream(status: 500), .now),
        Self.check(502, .unavailable, .now),
        Self.check(503, .unavailable, .now),
        Self.check(504, .timeout, .now),
        Self.check(529, .unavailable, .now),
        Self.check(418, .upstream(status: 418), .never),
        Self.waiting("Retry-After in seconds", { _ in ["Retry-After": "7"] }, 7),
        Self.waiting("Retry-After as a date", { ["Retry-After": Self.httpDate($0.addingTimeInterval(3600))] }, 3600),
        Self.waiting("Retry-After long past", { _ in ["Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"] }, 0),
        Self.waiting("a reset in seconds", { _ in ["x-ratelimit-reset": "12"] }, 12),
        Self.waiting("the draft's RateLimit", { _ in ["RateLimit": "\"5-in-1min\"; r=0; t=58"] }, 58),
        ConformanceCheck("429 with nonsense for Retry-After is still 429") { bench in
            let (_, download) = try await bench.oneFile()
            for nonsense in ["soon", "-5", "1e999", "99999999999999999999999999", ""] {
                for (name, ask) in bench.questions(download) {
                    bench.mend()
                    bench.breakEverything(.status(429, headers: ["Retry-After": nonsense]))
                    let error = try await bench.failure(name, ask)
                    try requireEqual(error.kind, .rateLimited, "\(name) with \(nonsense.debugDescription)")
                }
            }
        },
        ConformanceCheck("503 says how long to wait") { bench in
            let (_, download) = try await bench.oneFile()
            bench.breakEverything(.status(503, headers: ["Retry-After": "3"]))
            for (name, ask) in bench.questions(download) {
                try requireEqual(try await bench.failure(name, ask).retry, .after(.seconds(3)), "\(name): retry")
            }
        },
    ]

    private static func check(
        _ status: Int,
        _ kind: ProviderError.Kind,
        _ retry: ProviderError.Retry
    ) -> ConformanceCheck {
        ConformanceCheck("status \(status)") { bench in
            let (_, download) = try await bench.oneFile()
            for (name, ask) in bench.questions(download) {
                bench.mend()
                bench.breakEverything(.status(status))
                let error = try await bench.failure(name, ask)
                try requireEqual(error.kind, kind, "\(name): kind")
                try requireEqual(error.retry, retry, "\(name): retry")
                try require(!error.message.isEmpty, "\(name): no message")
            }
        }
    }

    private static func waiting(
        _ what: String,
        _ headers: @escaping @Sendable (Date) -> [String: String],
        _ seconds: Int
    ) -> ConformanceCheck {
        ConformanceCheck("429 with \(what)") { bench in
            let (_, download) = try await bench.oneFile()
            for (name, ask) in bench.questions(download) {
                bench.mend()
                bench.breakEverything(.status(429, headers: headers(bench.clock.now)))
                let error = try await bench.failure(name, ask)
                try requireEqual(error.kind, .rateLimited, "\(name): kind")
                try requireEqual(error.retry, .after(.seconds(seconds)), "\(name): retry")
            }
        }
    }

    /// A whole second as HTTP writes it.
    static func httpDate(_ date: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: date)
    }
}
