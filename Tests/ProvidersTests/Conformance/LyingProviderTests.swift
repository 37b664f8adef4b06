// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

/// Holds the suite itself to account: every lie must fail the checks that are there for it.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct LyingProviderTests {
    @Test(arguments: Lie.allCases)
    func lieIsCaught(_ lie: Lie) async throws {
        for name in lie.caughtBy {
            let check = try #require(ConformanceCheck.all.first { $0.name == name }, "there is no check '\(name)'")
            #expect(check.applies(lie.harness))
            await #expect(throws: (any Error).self, "\(lie) passed '\(name)'") {
                try await ConformanceBench.run(check, on: lie.harness) { LyingProvider(base: $0, lie: lie) }
            }
        }
    }
}
