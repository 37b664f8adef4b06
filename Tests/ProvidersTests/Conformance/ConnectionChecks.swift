// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators
import Transfer

/// Connections that break: an error each time, and never the end of a body that is not its end.
enum ConnectionChecks {
    static let all = [
        ConformanceCheck("nobody listens") { bench in
            let (_, download) = try await bench.oneFile()
            await bench.simulator.stop()
            for (name, ask) in bench.questions(download) {
                let error = try await bench.failure(name, ask)
                try requireEqual(error.kind, .unavailable, "\(name): kind")
                try requireEqual(error.retry, .now, "\(name): retry")
            }
        },
        ConformanceCheck("reset before the head") { bench in
            let (_, download) = try await bench.oneFile()
            bench.breakEverything(.resetBeforeHead)
            for (name, ask) in bench.questions(download) {
                let error = try await bench.failure(name, ask)
                try requireEqual(error.kind, .unavailable, "\(name): kind")
                try requireEqual(error.retry, .now, "\(name): retry")
            }
        },
        ConformanceCheck("silence before the head", isImpatient: true) { bench in
            let (_, download) = try await bench.oneFile()
            bench.breakEverything(.stallBeforeHead)
            for (name, ask) in bench.questions(download) {
                let error = try await bench.failure(name, ask)
                try requireEqual(error.kind, .timeout, "\(name): kind")
                try requireEqual(error.retry, .now, "\(name): retry")
            }
            try await Self.requireClosed(bench)
        },
        Self.breaking("reset in the body", .reset(afterBytes: 40_000), .unavailable),
        Self.breaking("a body shorter than its length", .cut(afterBytes: 40_000), .unavailable),
        Self.breaking("a body that ends one byte early", .cut(afterBytes: 100_002), .unavailable),
        Self.breaking("no body after the head", .cut(afterBytes: 0), .unavailable),
        Self.breaking("chunks without the last", .chunked(cutAfterBytes: 40_000), .unavailable),
        Self.breaking("silence in the body", .stall(afterBytes: 40_000), .timeout, isImpatient: true),
        Self.breaking("silence after the head", .stall(afterBytes: 0), .timeout, isImpatient: true),
        Self.resized("a shorter file than listed", .shorten(byBytes: 10)),
        Self.resized("a longer file than listed", .lengthen(byBytes: 10)),
        ConformanceCheck("after a broken answer the next one is right") { bench in
            let (file, download) = try await bench.oneFile()
            for fault in [SimulatorFault.resetBeforeHead, .reset(afterBytes: 5), .cut(afterBytes: 5), .status(503)] {
                for listener in bench.simulator.listeners { listener.faults.add(fault) }
                _ = try? await ReadingChecks.read(download.reference, bench)
                bench.mend()
                let bytes = try await ReadingChecks.read(download.reference, bench)
                try requireEqual(bytes, ConformanceBench.bytes(of: file), "bytes after \(fault)")
            }
        },
    ]

    static func requireClosed(_ bench: ConformanceBench) async throws {
        try await eventually("no transfer is open") { bench.transfer.openTransfers == 0 }
        try await eventually("every answer has ended") { bench.requests.allSatisfy { $0.end != nil } }
    }

    /// A fault in the bytes: an error, at the head or later, and no clean end.
    private static func breaking(
        _ what: String,
        _ fault: SimulatorFault,
        _ kind: ProviderError.Kind,
        isImpatient: Bool = false
    ) -> ConformanceCheck {
        ConformanceCheck(what, isImpatient: isImpatient) { bench in
            let (_, download) = try await bench.oneFile()
            Self.breakBytes(fault, bench)
            let error = try await bench.failure("content") {
                _ = try await ReadingChecks.read(download.reference, bench)
            }
            try requireEqual(error.kind, kind, "kind")
            bench.mend()
            try await Self.requireClosed(bench)
        }
    }

    /// Other bytes than the list promised, consistently: an error, or a length that says so.
    private static func resized(_ what: String, _ fault: SimulatorFault) -> ConformanceCheck {
        ConformanceCheck(what) { bench in
            let (_, download) = try await bench.oneFile()
            Self.breakBytes(fault, bench)
            do {
                let content = try await bench.provider.content(of: download.reference, ContentRequest())
                let read = try await bench.read(content.body).count
                try require(
                    content.length == nil || content.length == read,
                    "\(read) bytes, \(content.length ?? -1) promised"
                )
            } catch let error as ProviderError {
                try bench.requireNoSecret(in: error, "content")
            }
        }
    }

    private static func breakBytes(_ fault: SimulatorFault, _ bench: ConformanceBench) {
        for listener in bench.simulator.listeners where listener.baseURL == AnswerChecks.bytesAt(bench) {
            listener.faults.add(fault, times: 10)
        }
    }
}
