// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import Gateway

/// `GET /v1/logs` as `text/event-stream`.
@Suite struct LiveLogTests {
    private struct Event: Equatable {
        var name = ""
        var id = ""
        var data = ""

        var entry: JSONValue { (try? JSONDecoder().decode(JSONValue.self, from: Data(self.data.utf8))) ?? .null }
        var requestID: String? { self.entry["requestId"].text }
    }

    /// Opens a stream, and waits until it is open.
    private func listen(
        _ port: Int,
        _ query: String = "",
        key: String = GatewayFixture.adminKey,
        id: String = "live",
        after last: String? = nil
    ) async throws -> RawClient {
        let client = try await RawClient.connect(port)
        let resume = last.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        try await client.send(
            "GET /v1/logs\(query) HTTP/1.1\r\nHost: x\r\nX-API-Key: \(key)\r\nX-Request-Id: \(id)\r\n"
                + "Accept: text/event-stream\r\n\(resume)\r\n"
        )
        try await eventually("the stream is open") { client.answer.streamText.hasPrefix(":\n\n") }
        return client
    }

    private func events(_ client: RawClient) -> [Event] {
        client.answer.streamText.components(separatedBy: "\n\n").filter { !$0.isEmpty && $0 != ":" }
            .map { block in
                var event = Event()
                for line in block.split(separator: "\n") {
                    let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingBlanks() }
                    switch parts[0] {
                    case "event": event.name = parts[1]
                    case "id": event.id = parts[1]
                    case "data": event.data += parts[1]
                    default: Issue.record("There is no field '\(parts[0])'.")
                    }
                }
                return event
            }
    }

    private func entry(_ id: String, at time: Date) -> LogEntry {
        LogEntry(time: time, requestId: id, method: "GET", target: "/x", status: 200, outcome: .complete)
    }

    @Test func entriesComeAsTheyAreWritten() async throws {
        let fixture = try await GatewayFixture([])
        _ = try await fixture.send(.get, "/healthz", headers: [.requestID: "before"])
        try await fixture.live { port in
            let client = try await self.listen(port)
            #expect(client.answer.status == 200)
            #expect(client.answer.values("Content-Type") == ["text/event-stream"])
            #expect(client.answer.values("Cache-Control") == ["no-store"])
            for id in ["a", "b", "c"] { _ = try await fixture.send(.get, "/healthz", headers: [.requestID: id]) }
            await fixture.gateway.log.flush()
            try await eventually("three came") { self.events(client).count == 3 }
            let events = self.events(client)
            #expect(events.map(\.requestID) == ["a", "b", "c"])
            #expect(events.allSatisfy { $0.name == "log" && $0.entry["id"].text == $0.id })
            #expect(try await fixture.json("/v1/logs?requestId=b")["logs"][0] == events[1].entry)
            // Its own entry is written when it ends.
            #expect(try await !fixture.log().contains { $0.requestId == "live" })
            let bytes = client.answer.streamText.utf8.count
            await client.close()
            let own = try await fixture.logEntry(of: "live")
            #expect(own.outcome == .clientGone)
            #expect(own.bytesOut >= Int64(bytes))
            #expect(fixture.gateway.log.feed.listenerCount == 0)
        }
    }

    @Test func filtersHoldAndOthersEntriesAreNotSeen() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key([.read, .logs])
        try await fixture.live { port in
            let own = try await self.listen(port, key: key, id: "own")
            let failed = try await self.listen(port, "?status=4xx&method=GET", id: "failed")
            for (id, path, presented) in [
                ("1", "/v1/downloads", key), ("2", "/v1/downloads?x=1", key),
                ("3", "/unknown", GatewayFixture.adminKey),
                ("4", "/v1/downloads", key),
            ] {
                _ = try await fixture.send(.get, path, key: presented, headers: [.requestID: id])
                await fixture.gateway.log.flush()
            }
            try await eventually("all came") { self.events(own).count == 3 && self.events(failed).count == 2 }
            #expect(self.events(own).map(\.requestID) == ["1", "2", "4"])
            #expect(self.events(failed).map(\.requestID) == ["2", "3"])
            await own.close()
            await failed.close()
        }
    }

    // MARK: Coming back

    @Test func whoComesBackMissesNothing() async throws {
        let fixture = try await GatewayFixture([])
        let ids = (0..<250).map { "r\($0)" }
        for id in ids { fixture.gateway.log.record(self.entry(id, at: fixture.time.now)) }
        await fixture.gateway.log.flush()
        try await fixture.live { port in
            let client = try await self.listen(port, after: "log_1")
            try await eventually("what was missed came") { self.events(client).count == 249 }
            fixture.gateway.log.record(self.entry("new", at: fixture.time.now))
            await fixture.gateway.log.flush()
            try await eventually("the new one came") { self.events(client).count == 250 }
            #expect(self.events(client).compactMap(\.requestID) == ids.dropFirst() + ["new"])
            await client.close()
            let filtered = try await self.listen(port, "?requestId=r249", after: "log_100")
            try await eventually("the one came") { self.events(filtered).count == 1 }
            await filtered.close()
            // An id that is not there yet is of another log.
            let stranger = try await self.listen(port, "?status=2xx&method=GET", after: "log_999999")
            fixture.gateway.log.record(self.entry("newer", at: fixture.time.now))
            await fixture.gateway.log.flush()
            try await eventually("the newer one came") { self.events(stranger).map(\.requestID).contains("newer") }
            await stranger.close()
        }
    }

    @Test(arguments: [
        ("?limit=5", "log_1", ["limit"]), ("?cursor=bG9nOjE", "log_1", ["cursor"]), ("", "1", ["Last-Event-ID"]),
        ("", "log_0", ["Last-Event-ID"]), ("", "log_-1", ["Last-Event-ID"]), ("", "log_1x", ["Last-Event-ID"]),
        ("?limit=5&cursor=bG9nOjE", "x", ["cursor", "limit", "Last-Event-ID"]), ("?foo=1", "log_1", ["foo"]),
    ])
    func refusesWhatDoesNotGoTogether(_ query: String, _ last: String, _ fields: [String]) async throws {
        let fixture = try await GatewayFixture([])
        let name = try #require(HTTPField.Name("Last-Event-ID"))
        let answer = try await fixture.send(
            .get,
            "/v1/logs\(query)",
            headers: [.accept: "text/event-stream", name: last]
        )
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(answer.problemFields == fields)
    }

    @Test func liveEventsMustBeAskedFor() async throws {
        let fixture = try await GatewayFixture([])
        for accept in ["*/*", "text/*, application/json", "text/event-stream;q=0.5, application/json"] {
            let answer = try await fixture.send(.get, "/v1/logs", headers: [.accept: accept])
            #expect(answer.headers[.contentType] != "text/event-stream")
        }
        let reader = try await fixture.key([.read])
        let refused = try await fixture.send(.get, "/v1/logs", key: reader, headers: [.accept: "text/event-stream"])
        #expect(refused.problemCode == "INSUFFICIENT_SCOPE")
    }

    // MARK: Silence and ends

    @Test func silenceIsBrokenEveryFifteenSeconds() async throws {
        let gate = Gate()
        let slept = Mutex<[Duration]>([])
        let fixture = try await GatewayFixture(
            [],
            sleep: { duration in
                let isFirst = slept.withLock { slept in
                    slept.append(duration)
                    return duration == .seconds(15) && slept.count { $0 == duration } == 1
                }
                try await isFirst ? gate.wait() : Task.sleep(for: duration)
            }
        )
        try await fixture.live { port in
            let client = try await self.listen(port)
            try await eventually("it waits") { gate.waiting == 1 }
            #expect(client.answer.streamText == ":\n\n")
            gate.open()
            try await eventually("there is a sign of life") { client.answer.streamText == ":\n\n:\n\n" }
            await client.close()
        }
    }

    @Test func aRevokedKeyHearsNoMore() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key([.logs])
        let id = try #require(try await fixture.gateway.keys.list().first?.id)
        try await fixture.live { port in
            let client = try await self.listen(port, key: key)
            _ = try await fixture.gateway.keys.revoke(id)
            _ = try await client.answerToEnd()
            #expect(!client.answer.isWhole)
            #expect(try await fixture.logEntry(of: "live").outcome == .refused)
        }
    }

    @Test func aKeyThatEndsIsHeardOut() async throws {
        let gate = Gate()
        let fixture = try await GatewayFixture(
            [],
            sleep: { duration in
                try await duration == .seconds(60) ? gate.wait() : Task.sleep(for: duration)
            }
        )
        let key = try await fixture.key([.logs], expiresAt: fixture.time.now.addingTimeInterval(60))
        try await fixture.live { port in
            let client = try await self.listen(port, key: key)
            try await eventually("it waits for the end") { gate.waiting > 0 }
            gate.open()
            try await eventually("the answer is whole") { client.answer.isWhole }
            let entry = try await fixture.logEntry(of: "live")
            #expect(entry.outcome == .complete)
            #expect(entry.bytesOut == 3)
        }
    }

    @Test func theGatewayStopsWithoutWaitingForListeners() async throws {
        let never = Gate()
        let fixture = try await GatewayFixture(
            [],
            configure: { $0.server.drainTimeout = 60 },
            // Nobody who takes all is to need the grace.
            sleep: { duration in try await duration == .seconds(5) ? never.wait() : Task.sleep(for: duration) }
        )
        let (ports, started) = AsyncStream.makeStream(of: Int.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let group = ServiceGroup(
            services: try fixture.gateway.services { started.yield($0) },
            logger: logger
        )
        let running = Task { try await group.run() }
        let port = try #require(await ports.first { _ in true })
        let client = try await self.listen(port)
        let idle = try await self.listen(port, id: "idle")
        try await idle.stopReading()
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(try await client.answerToEnd().isWhole)
        let outcomes = try await fixture.log().filter { ["live", "idle"].contains($0.requestId) }.map(\.outcome)
        #expect(outcomes == [.complete, .complete])
    }

    // MARK: Others

    @Test func aListenerIsOneOfTheConcurrentRequests() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key([.logs], limits: RateLimitPolicy(concurrent: 1))
        try await fixture.live { port in
            let client = try await self.listen(port, key: key)
            let other = "GET /v1/providers HTTP/1.1\r\nHost: x\r\nX-API-Key: \(key)\r\nConnection: close\r\n\r\n"
            #expect(try await RawClient.exchange(port, other).status == 429)
            await client.close()
            _ = try await fixture.logEntry(of: "live")
            #expect(try await RawClient.exchange(port, other).status == 200)
        }
    }

    /// v0l/void.cat#40, Kong's large payloads: one who does not read holds up nobody.
    @Test func voidCat_40_aSlowListenerHoldsUpNobody() async throws {
        let fixture = try await GatewayFixture([])
        try await fixture.live { port in
            let slow = try await self.listen(port, id: "slow")
            try await slow.stopReading()
            let quick = try await self.listen(port, id: "quick")
            for round in 0..<4 {
                for index in 0..<500 {
                    var entry = self.entry("\(round)-\(index)", at: fixture.time.now)
                    entry.userAgent = String(repeating: "x", count: 1000)
                    fixture.gateway.log.record(entry)
                }
                await fixture.gateway.log.flush()
            }
            let last = Data("\"requestId\":\"3-499\"".utf8)
            try await eventually("the quick one has all") { quick.answer.bytes.suffix(3000).range(of: last) != nil }
            #expect(self.events(quick).count == 2000)
            await slow.close()
            await quick.close()
        }
    }
}
