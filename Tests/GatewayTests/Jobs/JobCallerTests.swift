// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Testing

@testable import Gateway

/// What is a job caller's own: its idempotency keys, its open jobs, and what others must not see.
@Suite struct JobCallerTests {
    @Test func aKeyIsKnownForADayAndPerCaller() async throws {
        try await JobFixture.run { jobs in
            let name = try #require(HTTPField.Name("Idempotency-Key"))
            let first = try await jobs.create(headers: [name: "k"])
            #expect(try await jobs.create(headers: [name: "k"]) == first)
            let other = try await jobs.post("/v1/downloads", #"{"url":"https://example.org/b"}"#, headers: [name: "k"])
            #expect(other.problemCode == "IDEMPOTENCY_MISMATCH" && other.status.code == 422)
            let stranger = try await jobs.gateway.key([.write])
            #expect(try await jobs.create(key: stranger, headers: [name: "k"]) != first)
            try await jobs.wait(for: "completed", of: first)
            #expect(try await jobs.gateway.send(.delete, "/v1/downloads/\(first)").status == .noContent)
            let body = #"{"url":"https://example.org/a","filename":"a.txt"}"#
            #expect(try await jobs.post("/v1/downloads", body, headers: [name: "k"]).problemCode == "CONFLICT")
            jobs.gateway.time.advance(86_401)
            #expect(try await jobs.create(headers: [name: "k"]) != first)
            for bad in ["", String(repeating: "x", count: 256), "é"] {
                #expect(try await jobs.post("/v1/downloads", body, headers: [name: bad]).status == .badRequest)
            }
        }
    }

    @Test func aCallerHasOnlySoManyOpen() async throws {
        let gate = Gate()
        var policy = JobPolicy(concurrency: 1)
        policy.mostOpen = 2
        try await JobFixture.run(policy: policy, script: { $0.gates[.create] = gate }) { jobs in
            for _ in 0..<2 { _ = try await jobs.create() }
            let refused = try await jobs.post("/v1/downloads", #"{"url":"https://example.org/a"}"#)
            #expect(refused.problemCode == "QUOTA_EXCEEDED" && refused.headers[.retryAfter] != nil)
            _ = try await jobs.create(key: try await jobs.gateway.key([.write]))
        }
    }

    @Test func whatACallerMayNotSeeItCannotCancelOrMakeThere() async throws {
        let gate = Gate()
        try await JobFixture.run(script: { $0.gates[.create] = gate }) { jobs in
            let id = try await jobs.create(more: #","directory":"box""#)
            let elsewhere = try await jobs.gateway.key([.read, .write, .delete], sessions: ["other"])
            #expect(try await jobs.post("/v1/downloads/\(id)/cancel", nil, key: elsewhere).problemCode == "NOT_FOUND")
            #expect(
                try await jobs.gateway.send(.delete, "/v1/downloads/\(id)", key: elsewhere).problemCode == "NOT_FOUND"
            )
            #expect(try await jobs.gateway.json("/v1/downloads", key: elsewhere).filenames == [])
            let body = #"{"url":"https://example.org/a","directory":"box"}"#
            #expect(try await jobs.post("/v1/downloads", body, key: elsewhere).problemCode == "DOWNLOAD_FORBIDDEN")
            let blind = try await jobs.gateway.key([.write], providers: [try #require(ProviderID("other"))])
            #expect(try await jobs.post("/v1/downloads", body, key: blind).problemFields == ["provider"])
        }
    }
}
