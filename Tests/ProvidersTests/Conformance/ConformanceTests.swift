// SPDX-License-Identifier: Apache-2.0

import Testing

/// Holds every provider to the same checks, over real sockets.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ConformanceTests {
    @Test(arguments: ConformanceCase.all(ListingChecks.all))
    func lists(_ item: ConformanceCase) async throws { try await ConformanceBench.run(item.check, on: item.harness) }

    @Test(arguments: ConformanceCase.all(NameChecks.all))
    func survivesNames(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(SessionChecks.all))
    func listsSessions(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(MetadataChecks.all))
    func tellsMetadata(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(ReadingChecks.all))
    func reads(_ item: ConformanceCase) async throws { try await ConformanceBench.run(item.check, on: item.harness) }

    @Test(arguments: ConformanceCase.all(RangeChecks.all))
    func readsRanges(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(StatusChecks.all))
    func mapsStatuses(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(AnswerChecks.all))
    func refusesAnswers(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(ConnectionChecks.all))
    func noticesBrokenConnections(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(CancellationChecks.all))
    func endsWhenCancelled(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(OptionalChecks.all))
    func keepsItsPromises(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(SecretChecks.all))
    func keepsSecrets(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(PoolChecks.all))
    func usesTheNextCredential(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test(arguments: ConformanceCase.all(UploadChecks.all))
    func takesFiles(_ item: ConformanceCase) async throws {
        try await ConformanceBench.run(item.check, on: item.harness)
    }

    @Test func checksHaveNamesOfTheirOwn() {
        #expect(Set(ConformanceCheck.all.map(\.name)).count == ConformanceCheck.all.count)
    }
}
