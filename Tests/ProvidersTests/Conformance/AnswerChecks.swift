// SPDX-License-Identifier: Apache-2.0

import Downloads
import Simulators

/// Answers with status 200 that are none: never an empty success, never a crash.
enum AnswerChecks {
    private static let garbage = [
        ("a list", "[1, 2, 3]"), ("a text", "\"files\""), ("null", "null"), ("a number", "1e999"),
        ("an empty object", "{}"),
        (
            "numbers for lists",
            #"{"data":5,"downloads":5,"files":5,"history":5,"entries":5,"machines":5,"sessions":5,"items":5,"url":5}"#
        ),
        (
            "texts in lists",
            #"{"data":{"items":["x"],"count":1},"downloads":["x"],"files":["x"],"history":["x"],"entries":["x"],"machines":["x"]}"#
        ),
        ("deep nesting", String(repeating: "[", count: 20_000)),
        ("bytes that are no UTF-8", "{\"files\":\"\u{FFFD}\u{0}\""),
    ]

    static let all =
        Self.garbage.map { what, body in Self.check("JSON that is \(what)", .wrongTypes(body)) } + [
            Self.check("HTML for JSON", .html),
            Self.check("no bytes for JSON", .answer(status: 200, headers: ["Content-Type": "application/json"])),
            Self.check("JSON cut in half", .truncateJSON),
            ConformanceCheck("JSON that breaks off", isImpatient: true) { bench in
                let (_, download) = try await bench.oneFile()
                bench.breakEverything(.cut(afterBytes: 10))
                for (name, ask) in bench.questions(download) where name == "list" || name == "download" {
                    let error = try await bench.failure(name, ask)
                    try requireEqual(error.kind, .unavailable, "\(name): kind")
                }
            },
            ConformanceCheck("a success without a body where bytes should be") { bench in
                let (_, download) = try await bench.oneFile()
                bench.breakEverything(.answer(status: 204))
                for (name, ask) in bench.questions(download) { _ = try await bench.failure(name, ask) }
            },
            ConformanceCheck("a partial answer that nobody asked for") { bench in
                let (_, download) = try await bench.oneFile()
                let headers = ["Content-Range": "bytes 5-9/100003", "Content-Type": "application/octet-stream"]
                let fault = SimulatorFault.answer(status: 206, headers: headers, body: "01234")
                for listener in bench.simulator.listeners where listener.baseURL == Self.bytesAt(bench) {
                    listener.faults.add(fault, times: 5)
                }
                _ = try await bench.failure("content") { _ = try await ReadingChecks.read(download.reference, bench) }
            },
        ]

    /// Where the bytes themselves come from.
    static func bytesAt(_ bench: ConformanceBench) -> String {
        (bench.harness.has(.bytesBehindLinks) ? bench.simulator.storage?.baseURL : nil) ?? bench.simulator.baseURL
    }

    private static func check(_ what: String, _ fault: SimulatorFault) -> ConformanceCheck {
        ConformanceCheck(what) { bench in
            let (_, download) = try await bench.oneFile()
            bench.breakEverything(fault)
            for (name, ask) in bench.questions(download) where name == "list" || name == "download" {
                let error = try await bench.failure(name, ask)
                // An archive that ends too early cannot be told from a connection that did.
                if bench.harness.has(.filesInArchive) && error.kind == .unavailable { continue }
                try requireEqual(error.kind, .malformedResponse, "\(name): kind")
                try requireEqual(error.retry, .never, "\(name): retry")
            }
        }
    }
}
