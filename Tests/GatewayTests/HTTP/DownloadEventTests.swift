// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import Gateway

/// Downloads as `text/event-stream`, and answers that are held (`Prefer: wait`).
@Suite struct DownloadEventTests {
    private struct Event {
        let name: String
        let id: String
        let download: JSONValue
    }

    /// A gateway whose waits are short, and whose time moves only when the test moves it.
    private struct World {
        let fixture: GatewayFixture
        let provider: FakeProvider
        /// The number that changes are counted from.
        private let start: String

        init() async throws {
            self.provider = try FakeProvider("alpha")
            self.provider.add("first.pdf")
            self.fixture = try await GatewayFixture(
                [self.provider],
                // Heartbeats are long waits; many of them would only be read again and again.
                sleep: { try await Task.sleep(for: .milliseconds($0 < EventStream.silence ? 10 : 50)) }
            )
            self.start = String(self.fixture.time.now.milliseconds * 1000)
        }

        /// So much later that an upstream is asked again.
        func later() { self.fixture.time.advance(DownloadWatch.wideInterval + 1) }

        /// Listens from the beginning, or after a change; so that none is missed that comes before the first look.
        func listen(_ port: Int, _ path: String, after last: String? = nil) async throws -> RawClient {
            let client = try await RawClient.connect(port)
            let resume = "Last-Event-ID: \(last ?? self.start)\r\n"
            try await client.send(
                "GET \(path) HTTP/1.1\r\nHost: x\r\nX-API-Key: \(GatewayFixture.adminKey)\r\n"
                    + "Accept: text/event-stream\r\n\(resume)\r\n"
            )
            try await eventually("the stream is open") { client.answer.streamText.hasPrefix(":\n\n") }
            return client
        }
    }

    private func events(_ client: RawClient) -> [Event] {
        client.answer.streamText.components(separatedBy: "\n\n").compactMap { block in
            var fields: [String: String] = [:]
            for line in block.split(separator: "\n") {
                let parts = line.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
                if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
            }
            guard let name = fields["event"], let data = fields["data"] else { return nil }
            let download = try? JSONDecoder().decode(JSONValue.self, from: Data(data.utf8))
            return Event(name: name, id: fields["id"] ?? "", download: download ?? .null)
        }
    }

    private func names(_ client: RawClient) -> [String] {
        self.events(client).map { "\($0.name) \($0.download["filename"].text ?? "-")" }
    }

    // MARK: Lists

    @Test func aListTellsWhatComesChangesAndGoes() async throws {
        let world = try await World()
        let gone = world.provider.add("gone.pdf")
        try await world.fixture.live { port in
            let client = try await world.listen(port, "/v1/downloads")
            #expect(client.answer.status == 200 && client.answer.values("Content-Type") == ["text/event-stream"])
            try await eventually("the first look") { world.provider.count(.list) > 0 }
            world.provider.add("new.pdf")
            world.later()
            try await eventually("a new one") { self.names(client) == ["download new.pdf"] }
            world.provider.add("new.pdf", bytes: .pattern(99))
            world.later()
            try await eventually("a changed one") { self.names(client).count == 2 }
            #expect(self.events(client)[1].download["size"] == 99)
            world.provider.remove(gone.reference)
            world.later()
            try await eventually("one that is gone") { self.names(client).last == "deleted gone.pdf" }
            await client.close()
        }
    }

    @Test func aDeletionThroughTheGatewayIsToldAtOnce() async throws {
        let world = try await World()
        let doomed = world.provider.add("doomed.pdf")
        try await world.fixture.live { port in
            let client = try await world.listen(port, "/v1/downloads")
            try await eventually("the first look") { world.provider.count(.list) > 0 }
            _ = try await world.fixture.json("/v1/downloads")
            #expect(try await world.fixture.send(.delete, world.fixture.path(of: doomed)).status == .noContent)
            // No time passes: nothing is asked of the upstream.
            try await eventually("the deletion") { self.names(client) == ["deleted doomed.pdf"] }
            await client.close()
        }
    }

    @Test func whatNoLongerMatchesIsNotGone() async throws {
        let world = try await World()
        world.provider.add("running.bin", change: { $0.status = .downloading })
        try await world.fixture.live { port in
            let client = try await world.listen(port, "/v1/downloads?status=active")
            try await eventually("the first look") { world.provider.count(.list) > 0 }
            world.provider.add("running.bin")
            world.later()
            try await eventually("its new state") { self.names(client) == ["download running.bin"] }
            #expect(self.events(client)[0].download["status"] == "completed")
            await client.close()
        }
    }

    /// Any number of listeners at the cost of one.
    @Test func manyListenersCauseOneLook() async throws {
        let world = try await World()
        try await world.fixture.live { port in
            var clients: [RawClient] = []
            for _ in 0..<25 { clients.append(try await world.listen(port, "/v1/downloads")) }
            try await eventually("the first look") { world.provider.count(.list) > 0 }
            let before = world.provider.count(.list)
            for round in 1...3 {
                world.provider.add("new-\(round).pdf")
                world.later()
                for client in clients {
                    try await eventually("round \(round)") { self.names(client).count == round }
                }
            }
            #expect(world.provider.count(.list) - before == 3)
            for client in clients { await client.close() }
        }
    }

    @Test func whoComesBackIsToldWhatItMissed() async throws {
        let world = try await World()
        try await world.fixture.live { port in
            let first = try await world.listen(port, "/v1/downloads")
            try await eventually("the first look") { world.provider.count(.list) > 0 }
            world.provider.add("one.pdf")
            world.later()
            try await eventually("one") { self.names(first).count == 1 }
            let last = try #require(self.events(first).last?.id)
            await first.close()
            world.provider.add("two.pdf")
            world.later()
            _ = try await world.fixture.json("/v1/downloads", headers: [.cacheControl: "no-cache"])
            let second = try await world.listen(port, "/v1/downloads", after: last)
            // What was told last may come again; what is older does not.
            try await eventually("what was missed") { self.names(second).contains("download two.pdf") }
            #expect(!self.names(second).contains("download first.pdf"))
            await second.close()
            // Too long ago: all of it.
            let third = try await world.listen(port, "/v1/downloads", after: "1")
            try await eventually("everything") { self.names(third).count == 3 }
            await third.close()
        }
    }

    @Test(arguments: ["x", "-1", "", "99999999999999999999"])
    func anotherKindOfEventIDIsRefused(_ id: String) async throws {
        let world = try await World()
        let headers: HTTPFields = [.accept: "text/event-stream", .lastEventID: id]
        let answer = try await world.fixture.send(.get, "/v1/downloads", headers: headers)
        #expect(answer.status == .badRequest && answer.problemCode == "INVALID_REQUEST")
    }

    // MARK: One download

    @Test func aDownloadTellsItsProgressAndItsEnd() async throws {
        let world = try await World()
        let running = world.provider.add(
            "running.bin",
            change: {
                $0.status = .downloading
                $0.progress = DownloadProgress(receivedBytes: 5, totalBytes: 10)
            }
        )
        try await world.fixture.live { port in
            let client = try await world.listen(port, world.fixture.path(of: running))
            try await eventually("where it is") { self.names(client) == ["progress running.bin"] }
            #expect(self.events(client)[0].download["progress"]["percent"] == 50)
            world.provider.add("running.bin")
            world.later()
            try await eventually("the stream ends well") { client.answer.isWhole }
            #expect(self.names(client) == ["progress running.bin", "end running.bin"])
            #expect(self.events(client)[1].download["status"] == "completed")
            await client.close()
        }
    }

    @Test func oneThatHasEndedIsToldOnce() async throws {
        let world = try await World()
        let done = world.provider.add("done.bin")
        let answer = try await world.fixture.send(
            .get,
            world.fixture.path(of: done),
            headers: [.accept: "text/event-stream"]
        )
        let text = String(decoding: answer.data, as: UTF8.self)
        #expect(text.contains("event: end\n") && !text.contains("event: progress"))
        let none = try await world.fixture.send(.get, "/v1/downloads/dl_none", headers: [.accept: "text/event-stream"])
        #expect(none.status == .notFound)
    }

    // MARK: Prefer: wait

    @Test func anEmptyListIsHeldUntilSomethingComes() async throws {
        let world = try await World()
        let path = "/v1/downloads?filename=late.pdf"
        async let held = world.fixture.send(.get, path, headers: [.prefer: "respond-async, wait=60"])
        async let other = world.fixture.send(.get, path, headers: [.prefer: "wait=30"])
        try await eventually("the first look") { world.provider.count(.list) > 0 }
        let before = world.provider.count(.list)
        world.provider.add("late.pdf")
        world.fixture.time.advance(20)
        let answers = try await [held, other]
        for answer in answers {
            #expect(try answer.json(expecting: .ok)["downloads"].items.count == 1)
        }
        #expect(answers[0].headers[.preferenceApplied] == "wait=60")
        #expect(world.provider.count(.list) - before == 1)
    }

    @Test func anEmptyListIsHeldNoLongerThanWasAsked() async throws {
        let world = try await World()
        async let held = world.fixture.json("/v1/downloads?filename=never", headers: [.prefer: "wait=5"])
        try await eventually("the first look") { world.provider.count(.list) > 0 }
        world.fixture.time.advance(6)
        #expect(try await held["total"] == 0)
        // What has something is not held.
        #expect(try await world.fixture.json("/v1/downloads", headers: [.prefer: "wait=60"])["total"] == 1)
    }

    @Test func aRunningDownloadIsHeldUntilItsEnd() async throws {
        let world = try await World()
        let running = world.provider.add("running.bin", change: { $0.status = .downloading })
        let path = world.fixture.path(of: running)
        async let held = world.fixture.json(path, headers: [.prefer: "wait=60"])
        try await eventually("the first look") { world.provider.count(.download) > 1 }
        world.provider.add("running.bin")
        world.fixture.time.advance(5)
        #expect(try await held["status"] == "completed")
    }

    @Test(arguments: [
        ("wait=5", 5), ("WAIT = 7 ; x=1, wait=9", 7), ("wait=0", nil), ("wait=61", 60),
        ("wait=99999999999999999999", 60),
        ("wait", nil), ("wait=-1", nil), ("wait=x", nil), ("respond-async", nil), ("", nil),
    ])
    func readsThePreference(_ field: String, _ seconds: Int?) {
        #expect(Preferences([.prefer: field]).wait == seconds)
    }
}
