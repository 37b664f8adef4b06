// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Logging
import ServiceLifecycle
import Testing

@testable import Gateway

@Suite struct LogWriterTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func entry(_ requestId: String) -> LogEntry {
        LogEntry(
            time: Date(timeIntervalSince1970: 1_800_000_000),
            requestId: requestId,
            method: "GET",
            target: "/v1/downloads?q=x",
            status: 200,
            outcome: .complete
        )
    }

    private func ids(_ store: LogStore, limit: Int = 1000) async throws -> [String] {
        var query = LogQuery()
        query.limit = limit
        return try await store.page(query).entries.map(\.requestId)
    }

    @Test func whatWasRecordedCanBeReadAfterAFlush() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        var entry = self.entry("r1")
        entry.keyId = "key_1"
        entry.caller = "ci"
        entry.route = "/v1/downloads"
        entry.code = "NOT_FOUND"
        entry.provider = "vagon"
        entry.sessionId = "s"
        entry.downloadId = "dl_1"
        entry.bytesIn = 1
        entry.bytesOut = .max
        entry.durationMs = 12.5
        entry.timings = LogEntry.Timings(auth: 0.5, limit: 1e-7, upstream: 1.1e22, body: .nan)
        entry.address = "192.0.2.1"
        entry.userAgent = "curl\r\n/8"
        writer.record(entry)
        await writer.flush()
        var expected = entry
        expected.id = "log_1"
        expected.timings.body = nil
        expected.userAgent = "curl%0D%0A/8"
        var written = try await store.page(LogQuery()).entries
        #expect(written.first?.hash?.count == 32)
        written[0].hash = nil
        #expect(written == [expected])
        #expect(expected.path == "/v1/downloads?q=REDACTED")
    }

    @Test func keepsTheOrderOfRecordingUnderConcurrentFlushes() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<900 {
                writer.record(self.entry("\(number)"))
                if number % 10 == 0 { group.addTask { await writer.flush() } }
            }
        }
        await writer.flush()
        #expect(try await self.ids(store) == (0..<900).reversed().map(String.init))
    }

    @Test func aFlushSeesWhatItsCallerRecordedWhateverElseIsWritten() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        let missing = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<100 {
                group.addTask {
                    writer.record(self.entry("mine-\(number)"))
                    await writer.flush()
                    var query = LogQuery()
                    query.requestId = "mine-\(number)"
                    return (try? await store.page(query).entries.count) != 1
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(missing == 0)
    }

    @Test func recordsInACancelledTask() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            writer.record(self.entry("r1"))
            await writer.flush()
        }
        await task.value
        #expect(try await self.ids(store) == ["r1"])
    }

    @Test func writesByItselfWhileItRuns() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        let running = Task { try await writer.run() }
        writer.record(self.entry("r1"))
        var found: [String] = []
        for _ in 0..<1000 where found.isEmpty {
            try await Task.sleep(for: .milliseconds(10))
            found = try await self.ids(store)
        }
        #expect(found == ["r1"])
        running.cancel()
        _ = await running.result
    }

    @Test func aCleanStopLosesNothing() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        let group = ServiceGroup(services: [writer], logger: self.logger)
        let running = Task { try await group.run() }
        for number in 0..<1000 { writer.record(self.entry("\(number)")) }
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(try await self.ids(store).count == 1000)
    }

    @Test func aCancelledRunLosesNothingEither() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        for number in 0..<100 { writer.record(self.entry("\(number)")) }
        let running = Task { try await writer.run() }
        running.cancel()
        _ = await running.result
        #expect(try await self.ids(store).count == 100)
    }

    @Test func aFullQueueCountsWhatItLoses() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger, capacity: 10)
        for number in 0..<25 { writer.record(self.entry("\(number)")) }
        #expect(writer.droppedCount == 15)
        await writer.flush()
        #expect(try await self.ids(store).count == 10)
        writer.record(self.entry("again"))
        await writer.flush()
        #expect(try await self.ids(store).first == "again")
    }

    @Test func whatCouldNotBeWrittenStaysInLine() async throws {
        let fixture = try StoreFixture()
        let store = LogStore(fixture.store)
        let writer = LogWriter(journal: fixture.journal, logger: self.logger)
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        try await fixture.store.logs.write { try $0.execute(sql: refuse) }
        for number in 0..<5 { writer.record(self.entry("\(number)")) }
        await writer.flush()
        #expect(try await self.ids(store) == [])
        try await fixture.store.logs.write { try $0.execute(sql: "DROP TRIGGER refuse") }
        writer.record(self.entry("5"))
        await writer.flush()
        #expect(try await self.ids(store) == ["5", "4", "3", "2", "1", "0"])
    }
}
