// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Synchronization
import Testing

@testable import Gateway

@Suite struct JobRunnerTests {
    private static let broken = ProviderError(
        .failed(DownloadFailure(code: .networkError, message: "It broke.")),
        retry: .now,
        message: "It broke."
    )

    @Test func isListedOnceUnderItsOwnIdFromTheFirstMomentOn() async throws {
        let gate = Gate()
        try await JobFixture.run(script: { $0.gates[.create] = gate }) { jobs in
            let id = try await jobs.create("report.pdf", more: #","directory":"box""#)
            try await jobs.wait(for: "downloading", of: id)
            for target in ["/v1/downloads", "/v1/downloads?sessionId=box", "/v1/downloads?status=active"] {
                let list = try await jobs.gateway.json(target)
                #expect(list["downloads"].items.map { $0["id"].text } == [id], "\(target) \(list)")
            }
            gate.open()
            let done = try await jobs.wait(for: "completed", of: id)
            #expect(done["sessionId"].text == "box" && done["sourceUrl"].text == "https://example.org/a")
            for headers: HTTPFields in [[:], [.cacheControl: "no-cache"]] {
                let list = try await jobs.gateway.json("/v1/downloads", headers: headers)
                #expect(list["downloads"].items.map { $0["id"].text } == [id], "\(list)")
            }
            #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(id)").text == "some bytes")
            #expect(try await jobs.gateway.send(.delete, "/v1/downloads/\(id)").status == .noContent)
            #expect(try await jobs.gateway.json("/v1/downloads").filenames == [])
            #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(id)").problemCode == "NOT_FOUND")
        }
    }

    @Test func whatTheUpstreamLostIsNotListed() async throws {
        try await JobFixture.run { jobs in
            let id = try await jobs.create()
            try await jobs.wait(for: "completed", of: id)
            jobs.gateway.time.advance(60)
            jobs.provider.script { $0.listings[nil] = [] }
            let list = try await jobs.gateway.json("/v1/downloads", headers: [.cacheControl: "no-cache"])
            #expect(list.filenames == [])
        }
    }

    @Test func triesAgainFromWhatWasKept() async throws {
        let tries = Mutex(0)
        let web = try #require(ProviderID("web"))
        try await JobFixture.run(script: { script in
            script.create = { work, report throws(ProviderError) in
                let number = tries.withLock { count in
                    count += 1
                    return count
                }
                report.progress(CreateProgress(name: "n", receivedBytes: Int64(number) * 10, totalBytes: 30))
                await report.keep(Data("kept \(number)".utf8), nil)
                if number < 4 { throw Self.broken }
                return Download(
                    reference: DownloadReference(provider: web, session: nil, item: "x"),
                    name: "n",
                    size: 30
                )
            }
        }) { jobs in
            // Its own list does not show it yet; the gateway does.
            let id = try await jobs.create()
            try await eventually("it is completed") {
                try await jobs.gateway.json("/v1/downloads")["downloads"][0]["status"].text == "completed"
            }
            #expect(try await jobs.gateway.json("/v1/downloads")["downloads"][0]["id"].text == id)
            let kept = jobs.provider.creates.map { $0.checkpoint.map { String(decoding: $0, as: UTF8.self) } }
            #expect(kept == [nil, "kept 1", "kept 2", "kept 3"])
            #expect(Set(jobs.provider.creates.map(\.id)).count == 1)
        }
    }

    @Test func givesUpAfterSomeTriesWithoutAByteAndTidiesUp() async throws {
        try await JobFixture.run(script: { $0.failures[.create] = Self.broken }) { jobs in
            let id = try await jobs.create(more: #","timeout":100000"#)
            let failed = try await jobs.wait(for: "failed", of: id)
            #expect(failed["error"]["code"].text == "NETWORK_ERROR")
            #expect(jobs.provider.count(.create) == JobPolicy.mostTries)
            #expect(jobs.provider.count(.abandon) == 1)
        }
    }

    @Test func failsAtOnceWhereNoTryWouldHelp() async throws {
        let gone = ProviderError(.notFound, message: "Gone.")
        try await JobFixture.run(script: { $0.failures[.create] = gone }) { jobs in
            let failed = try await jobs.wait(for: "failed", of: try await jobs.create())
            #expect(failed["error"]["code"].text == "REMOTE_FILE_NOT_FOUND")
            #expect(jobs.provider.count(.create) == 1)
        }
    }

    @Test func pausesCountAsTime() async throws {
        let later = ProviderError(.rateLimited, retry: .after(.seconds(100)), message: "Later.")
        try await JobFixture.run(script: { $0.failures[.create] = later }) { jobs in
            let failed = try await jobs.wait(for: "failed", of: try await jobs.create(more: #","timeout":250"#))
            #expect(failed["error"]["code"].text == "NETWORK_ERROR")
            #expect(jobs.provider.count(.create) == 3)
        }
    }

    @Test func openJobsGoOnAfterARestart() async throws {
        let stored = try StoreFixture()
        let gate = Gate()
        var ids: [String] = []
        try await JobFixture.run(
            stored: stored,
            policy: JobPolicy(concurrency: 1),
            script: { $0.gates[.create] = gate }
        ) { jobs in
            for number in 0..<3 { ids.append(try await jobs.create("\(number)")) }
            try await jobs.wait(for: "downloading", of: ids[0])
        }
        try await JobFixture.run(stored: stored) { jobs in
            for id in ids { try await jobs.wait(for: "completed", of: id) }
            #expect(try await jobs.gateway.json("/v1/downloads").filenames.sorted() == ["0", "1", "2"])
            #expect(jobs.provider.creates.allSatisfy { $0.request.url == "https://example.org/a" })
        }
    }

    @Test func oneCallersManyDoNotDelayAnothersOne() async throws {
        let gate = Gate()
        try await JobFixture.run(policy: JobPolicy(concurrency: 1), script: { $0.gates[.create] = gate }) { jobs in
            let (many, one) = (
                try await jobs.gateway.key([.read, .write]), try await jobs.gateway.key([.read, .write])
            )
            for number in 0..<30 { _ = try await jobs.create("many \(number)", key: many) }
            let id = try await jobs.create("one", key: one)
            gate.open()
            try await jobs.wait(for: "completed", of: id)
            let order = jobs.provider.creates.compactMap(\.request.filename)
            #expect(order.firstIndex(of: "one") == 1, "\(order)")
        }
    }

    @Test func runsNoMoreThanItMayInAllAndOnOneHost() async throws {
        let now = Mutex<[String: Int]>([:])
        let most = Mutex((all: 0, host: 0))
        let gate = Gate()
        try await JobFixture.run(
            policy: JobPolicy(concurrency: 3, perHost: 2),
            script: { script in
                script.create = { work, _ throws(ProviderError) in
                    now.withLock { now in
                        now[work.request.url, default: 0] += 1
                        let (all, host) = (now.values.reduce(0, +), now.values.max() ?? 0)
                        most.withLock { $0 = (max($0.all, all), max($0.host, host)) }
                    }
                    try? await gate.wait()
                    now.withLock { $0[work.request.url, default: 0] -= 1 }
                    throw ProviderError(.notFound, message: "Gone.")
                }
            }
        ) { jobs in
            var ids: [String] = []
            for number in 0..<12 { ids.append(try await jobs.create(url: "https://\(number % 2).example")) }
            try await eventually("as many run as may") { now.withLock { $0.values.reduce(0, +) } == 3 }
            gate.open()
            for id in ids { try await jobs.wait(for: "failed", of: id) }
            #expect(most.withLock { $0 } == (3, 2))
        }
    }

    @Test func cancelsWhatWaitsAndWhatRuns() async throws {
        let gate = Gate()
        try await JobFixture.run(policy: JobPolicy(concurrency: 1), script: { $0.gates[.create] = gate }) { jobs in
            let (running, waiting) = (try await jobs.create("r"), try await jobs.create("w"))
            try await jobs.wait(for: "downloading", of: running)
            for id in [waiting, running] {
                let answer = try await jobs.post("/v1/downloads/\(id)/cancel", nil)
                #expect(try answer.json(expecting: .ok)["status"].text == "cancelled")
                #expect(try await jobs.post("/v1/downloads/\(id)/cancel", nil).problemCode == "CONFLICT")
                #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(id)").problemCode == "CONFLICT")
            }
            #expect(jobs.provider.count(.create) == 1 && jobs.provider.count(.abandon) == 2)
            #expect(await jobs.gateway.gateway.jobs.load == (0, 0))
        }
    }

    @Test func goesOnWhereTheUpstreamCannotStop() async throws {
        let gate = Gate()
        let cannot = ProviderError(.unsupported, message: "It cannot.")
        try await JobFixture.run(script: { script in
            script.gates[.create] = gate
            script.failures[.abandon] = cannot
        }) { jobs in
            let id = try await jobs.create()
            try await jobs.wait(for: "downloading", of: id)
            #expect(try await jobs.post("/v1/downloads/\(id)/cancel", nil).problemCode == "NOT_SUPPORTED")
            #expect(try await jobs.gateway.send(.delete, "/v1/downloads/\(id)").problemCode == "NOT_SUPPORTED")
            gate.open()
            try await jobs.wait(for: "completed", of: id)
        }
    }

    @Test func secretsOfARequestAreSealedAndWipedAtItsEnd() async throws {
        let gate = Gate()
        try await JobFixture.run(script: { $0.gates[.create] = gate }) { jobs in
            let secret = "a-very-secret-value"
            let id = try await jobs.create(
                url: "https://example.org/a?token=\(secret)",
                more: ",\"headers\":{\"X-Token\":\"\(secret)\"}"
            )
            try await jobs.wait(for: "downloading", of: id)
            // The row says so a moment before the provider is asked.
            try await eventually("the provider is asked") { !jobs.provider.creates.isEmpty }
            #expect(jobs.provider.creates.first?.request.headers.first?.value.reveal() == secret)
            let rows = try await jobs.gateway.stored.store.read { database in
                try JobTable.sealedValues(database)
            }
            #expect(rows.count == 1 && rows.allSatisfy { $0.sealed.range(of: Data(secret.utf8)) == nil })
            let shown = try await jobs.metadata(of: id)
            #expect(shown["sourceUrl"].text == "https://example.org/a?token=REDACTED")
            gate.open()
            try await jobs.wait(for: "completed", of: id)
            #expect(try await jobs.gateway.stored.store.read { try JobTable.sealedValues($0).count } == 0)
        }
    }

    @Test func changesAreAnnounced() async throws {
        try await JobFixture.run { jobs in
            let feed = jobs.gateway.gateway.jobs.feed
            let start = feed.last
            let id = try await jobs.create()
            try await jobs.wait(for: "completed", of: id)
            #expect(feed.news(after: start).changes.map(\.isDeletion) == [false])
            _ = try await jobs.gateway.send(.delete, "/v1/downloads/\(id)")
            #expect(feed.news(after: start).changes.map(\.isDeletion) == [true])
        }
    }

    @Test func oldEndsAreForgottenInTime() async throws {
        let gone = ProviderError(.notFound, message: "Gone.")
        try await JobFixture.run(script: { $0.failures[.create] = gone }) { jobs in
            let id = try await jobs.create()
            try await jobs.wait(for: "failed", of: id)
            await jobs.gateway.gateway.jobs.tidy()
            #expect(try await jobs.gateway.json("/v1/downloads?status=failed")["total"].integer == 1)
            jobs.gateway.time.advance(31 * 86_400)
            await jobs.gateway.gateway.jobs.tidy()
            #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(id)").problemCode == "NOT_FOUND")
        }
    }
}
