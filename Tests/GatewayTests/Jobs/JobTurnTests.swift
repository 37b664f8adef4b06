// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import GRDB
import HTTPTypes
import Synchronization
import Testing

@testable import Gateway

/// No two tries of one job run at a time: they would write to one file.
@Suite struct JobTurnTests {
    private func job() throws -> (Job, JobRequest) {
        let job = Job(
            id: UUID(),
            caller: "admin",
            provider: try #require(ProviderID("web")),
            session: nil,
            host: "example.org",
            createdAt: Date(timeIntervalSince1970: 1_790_000_000),
            sourceURL: "https://example.org/a",
            name: "a"
        )
        return (job, .url(CreateRequest(url: "https://example.org/a")))
    }

    /// What is looked for in the store may be there before the request that made it has put it into line.
    @Test func aJobThatIsComingInIsNotTakenForAnothersJob() async throws {
        let gate = Gate()
        try await JobFixture.run(script: { $0.gates[.create] = gate }) { jobs in
            let runner = jobs.gateway.gateway.jobs
            let (job, request) = try self.job()
            #expect(try await runner.insert(job, request, nil) == .made)
            try await runner.adopt()
            #expect(await runner.load == (0, 0))
            await runner.queue(job)
            try await eventually("it runs") { gate.waiting == 1 }
            try await runner.adopt()
            #expect(await runner.load == (0, 1))
            gate.open()
            try await eventually("it is over") { await runner.load == (0, 0) }
            #expect(jobs.provider.creates.count == 1)
        }
    }

    /// `Retry-After: 0`: the next try begins at once, and not before the last one is over.
    @Test func aTryThatFollowsAtOnceCanBeCancelled() async throws {
        let gate = Gate()
        let tries = Mutex(0)
        try await JobFixture.run(script: { script in
            script.create = { _, _ throws(ProviderError) in
                let isFirst = tries.withLock { count in
                    count += 1
                    return count == 1
                }
                if isFirst { throw ProviderError(.unavailable, retry: .after(.zero), message: "At once.") }
                do { try await gate.wait() } catch { throw .cancelled }
                throw ProviderError(.unavailable, retry: .never, message: "It was not cancelled.")
            }
        }) { jobs in
            let runner = jobs.gateway.gateway.jobs
            let id = try await jobs.create()
            try await eventually("the second try runs") { gate.waiting == 1 }
            // The first one has ended whole by now, or does not end any more.
            try await runner.adopt()
            #expect(await runner.load == (0, 1))
            let cancelled = try await jobs.post("/v1/downloads/\(id)/cancel", nil)
            #expect(cancelled.status == .ok && gate.waiting == 0)
            #expect(await runner.load == (0, 0))
        }
    }

    /// To remove what a job left takes a while at some upstreams; who looks for other processes' jobs meanwhile must not take it.
    @Test func aJobThatIsBeingCancelledBeginsNoTry() async throws {
        let (fetching, removing) = (Gate(), Gate())
        try await JobFixture.run(script: { $0.gates = [.create: fetching, .abandon: removing] }) { jobs in
            let runner = jobs.gateway.gateway.jobs
            let id = try await jobs.create()
            try await eventually("it runs") { fetching.waiting == 1 }
            async let answer = jobs.post("/v1/downloads/\(id)/cancel", nil)
            try await eventually("what it left is being removed") { removing.waiting == 1 }
            try await runner.adopt()
            #expect(await runner.load == (0, 0))
            removing.open()
            #expect(try await answer.json(expecting: .ok)["status"].text == "cancelled")
            #expect(jobs.provider.count(.abandon) == 1 && jobs.provider.creates.count == 1)
            #expect(await runner.cancelling.isEmpty)
        }
    }

    /// A store that cannot be read for a moment, or whose master secret this process does not know yet, says nothing of the job.
    @Test func aJobThatCannotBeReadNowWaits() async throws {
        try await JobFixture.run { jobs in
            let database = jobs.gateway.stored.store
            let (job, request) = try self.job()
            try await database.write { try $0.execute(sql: "ALTER TABLE vault RENAME TO away") }
            let runner = jobs.gateway.gateway.jobs
            await #expect(throws: (any Error).self) { try await runner.insert(job, request, nil) }
            try await database.write { try $0.execute(sql: "ALTER TABLE away RENAME TO vault") }
            #expect(try await runner.insert(job, request, nil) == .made)
            try await database.write { try $0.execute(sql: "ALTER TABLE vault RENAME TO away") }
            await runner.queue(job)
            try await eventually("it waits for another try") {
                try await runner.table.job(job.id)?.nextTryAt != nil
            }
            try await database.write { try $0.execute(sql: "ALTER TABLE away RENAME TO vault") }
            try await eventually("it is there") { try await runner.table.job(job.id)?.status == .completed }
        }
    }
}
