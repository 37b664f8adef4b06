// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Archives of whole sessions whose upstream has an archive of its own.
@Suite struct ContainerArchiveTests {
    private static let names = ["a.txt", "b.txt", "c.txt"]

    /// Three files in one session; `script` says what the upstream's own archive holds.
    private static func fixture(
        _ script: (inout FakeProvider.Script, [DownloadReference]) -> Void
    ) async throws -> (GatewayFixture, FakeProvider) {
        let provider = try FakeProvider("alpha")
        let references = Self.names.map { provider.add($0, bytes: Data("of \($0)".utf8)).reference }
        provider.script { script(&$0, references) }
        return (try await GatewayFixture([provider]), provider)
    }

    private static func zip(_ fixture: GatewayFixture, _ query: String = "?sessionId=s1") async throws -> Answer {
        try await fixture.send(.get, "/v1/downloads" + query, headers: [.accept: "application/zip"])
    }

    private static func expectWhole(_ answer: Answer) throws {
        let archive = try ReadZip(answer.data)
        #expect(archive.names.sorted() == Self.names)
        for name in Self.names { #expect(archive.text(name) == "of \(name)") }
        #expect(answer.headers[.contentLength] == "\(answer.data.count)")
    }

    private static func file(_ reference: DownloadReference) -> FakeArchive.Step {
        .file(reference, Data("of \(reference.item)".utf8))
    }

    @Test func allFilesComeOutOfIt() async throws {
        let (fixture, provider) = try await Self.fixture { $0.archive = $1.reversed().map(Self.file) }
        for query in ["?sessionId=s1", "?provider=alpha&sessionId=s1"] {
            let answer = try await Self.zip(fixture, query)
            try Self.expectWhole(answer)
            #expect(try ReadZip(answer.data).names == Self.names.reversed())
        }
        #expect(provider.count(.archive) == 2 && provider.count(.content) == 0)
    }

    /// Files that are not in it, others that are, and one that is in it twice.
    @Test func whatItLacksIsOpenedByItself() async throws {
        let stranger = DownloadReference(provider: try #require(ProviderID("alpha")), session: "s1", item: "deleted")
        let (fixture, provider) = try await Self.fixture { script, files in
            script.archive = [.file(stranger, Data("deleted".utf8)), Self.file(files[1]), Self.file(files[1])]
        }
        try Self.expectWhole(try await Self.zip(fixture))
        #expect(provider.count(.content) == 2)
    }

    @Test(arguments: [ProviderError(.unavailable, message: "Down."), ProviderError(.malformedResponse, message: "No.")])
    func oneThatCannotBeHadHarmsNothing(_ error: ProviderError) async throws {
        let (fixture, provider) = try await Self.fixture { script, _ in script.failures[.archive] = error }
        try Self.expectWhole(try await Self.zip(fixture))
        #expect(provider.count(.content) == 3)
    }

    @Test func oneThatBreaksBetweenTwoFilesIsGoneOnWithoutIt() async throws {
        let (fixture, provider) = try await Self.fixture { script, files in
            script.archive = [Self.file(files[2]), .failure(ProviderError(.unavailable, message: "It broke."))]
        }
        try Self.expectWhole(try await Self.zip(fixture))
        #expect(provider.count(.content) == 2)
    }

    @Test(arguments: [true, false]) func oneThatBreaksInAFileIsNoCleanEnd(_ isShort: Bool) async throws {
        let (fixture, _) = try await Self.fixture { script, files in
            let half = Data("of".utf8)
            script.archive = [Self.file(files[0]), isShort ? .file(files[1], half) : .brokenFile(files[1], half)]
        }
        await #expect(throws: (any Error).self) { try await Self.zip(fixture) }
        #expect(try await fixture.log().last?.outcome == .upstreamCut)
    }

    @Test func oneThatIsStillMadeIsNotReady() async throws {
        let error = ProviderError(.notReady, retry: .after(.seconds(5)), message: "Still preparing.")
        let (fixture, provider) = try await Self.fixture { script, _ in script.failures[.archive] = error }
        let answer = try await Self.zip(fixture)
        #expect(answer.status == .conflict && answer.problemCode == "NOT_READY")
        #expect(answer.headers[.retryAfter] == "5")
        #expect(provider.count(.content) == 0)
    }

    @Test func aPartOfASessionIsNotAskedForWhole() async throws {
        let (fixture, provider) = try await Self.fixture { $0.archive = $1.map(Self.file) }
        let answer = try await Self.zip(fixture, "?sessionId=s1&filename=b.txt")
        #expect(try ReadZip(answer.data).names == ["b.txt"])
        let everything = try await Self.zip(fixture, "")
        #expect(try ReadZip(everything.data).files.count == 3)
        #expect(provider.count(.archive) == 0 && provider.count(.content) == 4)
    }
}
