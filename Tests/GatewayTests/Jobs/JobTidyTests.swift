// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct JobTidyTests {
    private static let anHour: JobPolicy = {
        var policy = JobPolicy()
        policy.history = 3600
        return policy
    }()

    @Test func whatHasOutlivedItsRetentionIsForgottenWithItsJob() async throws {
        try await JobFixture.run { jobs in
            let old = try await jobs.create("old.txt")
            let done = try await jobs.wait(for: "completed", of: old)
            let new = try await jobs.create("new.txt")
            try await jobs.wait(for: "completed", of: new)
            #expect(done["status"].text == "completed")
            let item = try #require(jobs.provider.creates.first?.id.uuidString)
            let reference = DownloadReference(provider: jobs.provider.id, session: nil, item: item)
            jobs.provider.script { $0.expired = [reference] }
            await jobs.gateway.gateway.jobs.tidy()
            #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(old)").problemCode == "NOT_FOUND")
            #expect(try await jobs.gateway.json("/v1/downloads").filenames == ["new.txt"])
        }
    }

    @Test func failuresAreKeptAsLongAsTheHistory() async throws {
        let forbidden = ProviderError(.downloadForbidden, message: "Not here.")
        try await JobFixture.run(policy: Self.anHour, script: { $0.failures[.create] = forbidden }) { jobs in
            let id = try await jobs.create()
            try await jobs.wait(for: "failed", of: id)
            await jobs.gateway.gateway.jobs.tidy()
            #expect(try await jobs.metadata(of: id)["status"].text == "failed")
            jobs.gateway.time.advance(3601)
            await jobs.gateway.gateway.jobs.tidy()
            #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(id)").problemCode == "NOT_FOUND")
        }
    }

    /// Another provider's sweep, and the history, do not wait for one that fails.
    @Test func aSweepThatFailsHarmsNothingElse() async throws {
        let down = ProviderError(.unavailable, message: "Down.")
        try await JobFixture.run(policy: Self.anHour, script: { $0.failures[.sweep] = down }) { jobs in
            jobs.provider.script { $0.failures[.create] = ProviderError(.downloadForbidden, message: "Not here.") }
            let id = try await jobs.create()
            try await jobs.wait(for: "failed", of: id)
            jobs.gateway.time.advance(3601)
            await jobs.gateway.gateway.jobs.tidy()
            #expect(jobs.provider.count(.sweep) == 1)
            #expect(try await jobs.gateway.send(.get, "/v1/downloads/\(id)").problemCode == "NOT_FOUND")
        }
    }
}
