// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct JobListingTests {
    /// Between the start of a transfer and the answer that names it, the provider's own list tells of it already.
    @Test func aTransferIsNotListedBesideTheJobThatBeganIt() async throws {
        let gate = Gate()
        try await JobFixture.run(script: { $0.gates[.create] = gate }) { jobs in
            let id = try await jobs.create("a.bin", more: #","directory":"box""#)
            try await jobs.wait(for: "downloading", of: id)
            jobs.provider.add("a.bin", in: "box", item: "t1", change: { $0.status = .downloading })
            func listed() async throws -> [String?] {
                let anew: HTTPFields = [.cacheControl: "no-cache"]
                let list = try await jobs.gateway.json("/v1/downloads?sessionId=box", headers: anew)
                return list["downloads"].items.map { $0["id"].text }
            }
            #expect(try await listed() == [id])
            // What others have under way there is nobody's job.
            jobs.provider.add("b.bin", in: "box", item: "t2", change: { $0.status = .downloading })
            // Nor is a file of the name that was there before.
            jobs.provider.add("a.bin", in: "box", item: "old")
            #expect(try await listed().count == 3)
            gate.open()
        }
    }
}
