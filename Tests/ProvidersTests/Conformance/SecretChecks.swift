// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Simulators

/// Credentials go to their own origin and nowhere else, least of all into a text.
enum SecretChecks {
    static let all = [
        ConformanceCheck("a wrong credential is the operator's fault, not the caller's") { bench in
            let (_, download) = try await bench.oneFile()
            var stranger = bench
            stranger.provider = bench.stranger
            for (name, ask) in stranger.questions(download) {
                let error = try await bench.failure(name, ask)
                try requireEqual(error.kind, .unauthorized, "\(name): kind")
                try requireEqual(error.retry, .never, "\(name): retry")
            }
            let error = try await bench.failure("check") { try await bench.stranger.check() }
            try requireEqual(error.kind, .unauthorized, "check: kind")
        },
        ConformanceCheck("an upstream that quotes the credential is not quoted") { bench in
            let (_, download) = try await bench.oneFile()
            let secrets = bench.simulator.credentials.values.sorted()
            for status in [400, 401, 403, 404, 409, 422, 429, 500, 503] {
                let words = secrets.map { "Bad request with \($0) and Authorization: Bearer \($0)" }.joined(
                    separator: "; "
                )
                let body = #"{"message":"\#(words)","error":"\#(words)","detail":"\#(words)","client_code":\#(status)}"#
                bench.mend()
                bench.breakEverything(
                    .answer(status: status, headers: ["Content-Type": "application/json"], body: body)
                )
                for (name, ask) in bench.questions(download) {
                    bench.rest()
                    try await Self.requireSilence(bench, secrets, "\(name) \(status)", ask)
                }
            }
        },
        ConformanceCheck("HTML that quotes the credential is not quoted") { bench in
            let (_, download) = try await bench.oneFile()
            let secrets = bench.simulator.credentials.values.sorted()
            for status in [200, 401, 500] {
                let body = "<html><body><pre>\(secrets.joined(separator: "\n"))</pre></body></html>"
                bench.mend()
                bench.breakEverything(.answer(status: status, headers: ["Content-Type": "text/html"], body: body))
                for (name, ask) in bench.questions(download) where name != "content" {
                    try await Self.requireSilence(bench, secrets, "\(name) \(status)", ask)
                }
            }
        },
        ConformanceCheck("the object store never sees a credential", where: { $0.has(.bytesBehindLinks) }) { bench in
            let (_, download) = try await bench.oneFile()
            _ = try await ReadingChecks.read(download.reference, bench)
            let stored = bench.simulator.storage?.requests ?? []
            try require(!stored.isEmpty, "the object store was not asked")
            for request in stored { try Self.requireNoCredential(in: request, bench) }
        },
        ConformanceCheck("a redirect to another origin carries no credential") { bench in
            let (_, download) = try await bench.oneFile()
            let trap = try await BrowserbaseSimulator.start(library: SimulatedLibrary())
            let caught = try await Self.followingRedirects(to: trap, download, bench)
            await trap.stop()
            for request in caught { try Self.requireNoCredential(in: request, bench) }
        },
        ConformanceCheck("no error names a presigned link", where: { $0.has(.bytesBehindLinks) }) { bench in
            let (_, download) = try await bench.oneFile()
            for fault in [
                SimulatorFault.status(400), .status(500), .resetBeforeHead, .cut(afterBytes: 9), .status(302),
            ] {
                bench.simulator.storage?.faults.clear()
                bench.simulator.storage?.faults.add(fault, times: 100)
                _ = try await bench.failure("content after \(fault)") {
                    _ = try await ReadingChecks.read(download.reference, bench)
                }
            }
        },
        ConformanceCheck("no credential in a URL") { bench in
            let (_, download) = try await bench.oneFile()
            _ = try await ReadingChecks.read(download.reference, bench)
            for request in bench.requests {
                for secret in bench.simulator.credentials.values {
                    try require(
                        !request.path.contains(secret) && !request.rawQuery.contains(secret),
                        "a credential in a URL"
                    )
                }
            }
        },
        ConformanceCheck("a description of the provider tells nothing") { bench in
            var text = "\(bench.provider)" + String(reflecting: bench.provider)
            dump(bench.provider, to: &text)
            for secret in bench.simulator.credentials.values {
                try require(!text.contains(secret), "the provider's description holds a credential")
            }
        },
    ]

    private static func requireSilence(
        _ bench: ConformanceBench,
        _ secrets: [String],
        _ what: String,
        _ ask: () async throws -> Void
    ) async throws {
        do {
            try await ask()
        } catch let error as ProviderError {
            let texts = [error.message, error.cause ?? "", "\(error)"]
            for secret in secrets {
                try require(!texts.contains { $0.contains(secret) }, "\(what): the error quotes a credential")
            }
            return
        }
        throw ConformanceFailure("\(what) succeeded")
    }

    static func followingRedirects(
        to trap: BrowserbaseSimulator,
        _ download: Download,
        _ bench: ConformanceBench
    ) async throws -> [SimulatedRequest] {
        for status in [301, 302, 307, 308] {
            bench.mend()
            bench.breakEverything(.answer(status: status, headers: ["Location": trap.baseURL + "/v1/sessions?a=b"]))
            for (_, ask) in bench.questions(download) { _ = try? await ask() }
        }
        return trap.requests
    }

    static func requireNoCredential(in request: SimulatedRequest, _ bench: ConformanceBench) throws {
        for field in request.headers {
            for secret in bench.secrets {
                try require(!field.value.contains(secret), "\(field.name) carries a credential to another origin")
            }
            try require(field.name.canonicalName != "authorization", "Authorization is sent to another origin")
        }
    }
}
