// SPDX-License-Identifier: Apache-2.0

import Downloads
import NIOCore
import Testing

@testable import Providers

@Suite struct UploadReaderTests {
    private static func reader(_ source: TestSource, digest: String?) -> UploadReader {
        UploadReader(source.source(digest: digest)) { _ in }
    }

    private static func send(_ range: Range<Int64>, of reader: UploadReader) async throws -> Int {
        var count = 0
        for try await bytes in try await reader.part(range) { count += bytes.readableBytes }
        return count
    }

    @Test func partsAreReadAsOneStreamAndHeldAgainstTheDigest() async throws {
        let source = TestSource(100_000)
        let reader = Self.reader(source, digest: source.sha256.uppercased())
        #expect(try await Self.send(0..<50_000, of: reader) == 50_000)
        #expect(try await Self.send(50_000..<100_000, of: reader) == 50_000)
        try await reader.finish(at: 100_000)
        #expect(source.offsets == [0])
    }

    @Test func aPartThatIsSentAgainIsHashedOnce() async throws {
        let broken = ProviderError(.unavailable, retry: .now, message: "broken")
        let source = TestSource(100_000, breaks: [(at: 70_000, error: broken)])
        let reader = Self.reader(source, digest: source.sha256)
        _ = try await Self.send(0..<50_000, of: reader)
        await #expect(throws: ProviderError.self) { _ = try await Self.send(50_000..<100_000, of: reader) }
        #expect(try await Self.send(50_000..<100_000, of: reader) == 50_000)
        try await reader.finish(at: 100_000)
        #expect(source.offsets == [0, 50_000])
    }

    @Test func anotherFileIsNoticedAtTheEnd() async throws {
        let (source, other) = (TestSource(100_000), TestSource(99_999))
        let reader = Self.reader(source, digest: other.sha256)
        _ = try await Self.send(0..<100_000, of: reader)
        await #expect(throws: ProviderError.self) { try await reader.finish(at: 100_000) }
    }

    @Test func whatAnEarlierTryHasSentIsReadOnlyForItsDigest() async throws {
        for (digest, offsets) in [(false, [50_000, 100_000]), (true, [0])] as [(Bool, [Int64])] {
            let source = TestSource(100_000)
            let reader = Self.reader(source, digest: digest ? source.sha256 : nil)
            _ = try await Self.send(50_000..<99_000, of: reader)
            if digest { _ = try await Self.send(99_000..<100_000, of: reader) }
            try await reader.finish(at: 100_000)
            #expect(source.offsets == offsets)
        }
        let source = TestSource(1000)
        try await Self.reader(source, digest: source.sha256).finish(at: 1000)
        let whole = Self.reader(source, digest: TestSource(999).sha256)
        await #expect(throws: ProviderError.self) { try await whole.finish(at: 1000) }
    }

    @Test func bytesBeyondThePromiseAreNoticed() async throws {
        let source = TestSource(1000)
        let reader = UploadReader(source.source(size: 900)) { _ in }
        _ = try await Self.send(0..<900, of: reader)
        await #expect(throws: ProviderError.self) { try await reader.finish(at: 900) }
    }
}
