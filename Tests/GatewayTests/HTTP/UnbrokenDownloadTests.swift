// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import Gateway

/// Downloads whose upstream breaks off: mended unseen where it is certainly the same file, else broken off too.
@Suite struct UnbrokenDownloadTests {
    private typealias Fault = BreakingUpstream.Fault

    private static let bytes = Data.pattern(10_000)

    private struct World {
        let fixture: GatewayFixture
        let provider: FakeProvider
        let upstream: BreakingUpstream
        let path: String

        init(
            _ faults: [BreakingUpstream.Fault],
            capabilities: Capabilities = BreakingUpstream.capabilities,
            checksum: String? = nil,
            isLengthSaid: Bool = true,
            isSizeKnown: Bool = true,
            sleep: @escaping @Sendable (Duration) async throws -> Void = { _ in }
        ) async throws {
            let upstream = BreakingUpstream(UnbrokenDownloadTests.bytes, faults, isLengthSaid: isLengthSaid)
            let provider = try FakeProvider("alpha", capabilities)
            let download = provider.add(
                "x.bin",
                bytes: upstream.bytes,
                change: { $0.checksum = checksum },
                size: isSizeKnown ? nil : .some(nil)
            )
            provider.script { $0.content = { _, request throws(ProviderError) in try upstream.content(request) } }
            self.upstream = upstream
            self.provider = provider
            self.fixture = try await GatewayFixture([provider], sleep: sleep)
            self.path = self.fixture.path(of: download)
        }

        /// What the upstream was asked for after the first time.
        var resumes: [ByteRange?] { self.provider.contentRequests.dropFirst().map(\.range) }

        func expectWhole(_ headers: HTTPFields = [:], _ range: ClosedRange<Int> = 0...9_999) async throws {
            let answer = try await self.fixture.send(.get, self.path, headers: headers)
            #expect(answer.data == UnbrokenDownloadTests.bytes[range])
            #expect(self.upstream.pending == 0)
        }

        func expectBroken() async throws {
            await #expect(throws: ProviderError.self) { try await self.fixture.send(.get, self.path) }
            #expect(try await self.fixture.log().map(\.outcome) == [.upstreamCut])
        }
    }

    // MARK: Mended

    @Test func theRestIsAskedForFromTheNextByteOn() async throws {
        let world = try await World([.cut(after: 4_321), .cut(after: 1), .cut(after: 0)])
        try await world.expectWhole()
        let asked: [ByteRange?] = [
            .bounded(first: 4_321, last: 9_999), .bounded(first: 4_322, last: 9_999),
            .bounded(first: 4_322, last: 9_999),
        ]
        #expect(world.resumes == asked)
    }

    @Test func aRangeGoesOnToo() async throws {
        let world = try await World([.cut(after: 100)])
        try await world.expectWhole([.range: "bytes=1000-1999"], 1000...1999)
        #expect(world.resumes == [.bounded(first: 1_100, last: 1_999)])
    }

    @Test(arguments: [true, false])
    func aBodyThatEndsTooEarlyGoesOn(_ isLengthSaid: Bool) async throws {
        let world = try await World([.short(by: 10)], isLengthSaid: isLengthSaid)
        try await world.expectWhole()
        #expect(world.resumes == [.bounded(first: 9_990, last: 9_999)])
    }

    @Test func anUpstreamThatCannotAnswerAtOnceIsAskedAgainAfterPauses() async throws {
        let pauses = Pauses()
        let refusal = Fault.refused(.unavailable, .now)
        let world = try await World([.cut(after: 500), refusal, refusal], sleep: { pauses.note($0) })
        try await world.expectWhole()
        let taken = pauses.all
        #expect(taken.count == 3)
        #expect(taken.allSatisfy { $0 > .zero && $0 <= .seconds(2) })
    }

    @Test func theDigestIsOfAllBytesAfterAResume() async throws {
        let digest = Data(SHA256.hash(data: Self.bytes)).hexadecimal
        try await World([.cut(after: 777)], checksum: digest).expectWhole()
    }

    // MARK: Never spliced

    @Test(
        arguments: [
            .otherFile, .noValidator, .otherSize, .otherRange, .whole, .html, .refused(.notFound, .never),
            .refused(.unauthorized, .never), .refused(.rangeNotSatisfiable(size: 5), .never),
        ] as [BreakingUpstream.Fault]
    )
    func whatIsNotCertainlyTheSameFileEndsTheBody(_ fault: BreakingUpstream.Fault) async throws {
        let world = try await World([.cut(after: 4_000), fault])
        try await world.expectBroken()
        #expect(world.resumes.count == 1)
    }

    @Test func withoutAValidatorNothingIsResumed() async throws {
        let world = try await World([])
        let bytes = Self.bytes
        world.provider.script {
            $0.content = { _, _ in Content(length: 10_000, body: FakeBody(bytes.prefix(5_000)).body) }
        }
        try await world.expectBroken()
        #expect(world.resumes.isEmpty)
    }

    @Test func aProviderWithoutRangesIsNotAskedForOne() async throws {
        let world = try await World([.cut(after: 10)], capabilities: Capabilities(listsSessions: true))
        try await world.expectBroken()
        #expect(world.resumes.isEmpty)
    }

    /// The stores behind vendors' links have ranges, which no vendor promises.
    @Test func anAnswerThatSaysItHasRangesIsGoneOnWith() async throws {
        let world = try await World([.cut(after: 4_321)], capabilities: Capabilities(listsSessions: true))
        let upstream = world.upstream
        world.provider.script {
            $0.content = { _, request throws(ProviderError) in
                var content = try upstream.content(request)
                content.hasRanges = true
                return content
            }
        }
        try await world.expectWhole()
        #expect(world.resumes == [.bounded(first: 4_321, last: 9_999)])
    }

    @Test func threeTriesWithoutAByteAreEnough() async throws {
        let world = try await World([.cut(after: 10)] + Array(repeating: .cut(after: 0), count: 5))
        try await world.expectBroken()
        #expect(world.resumes.count == 3)
    }

    @Test func twentyResumesAreEnough() async throws {
        let world = try await World(Array(repeating: .cut(after: 1), count: 30))
        try await world.expectBroken()
        #expect(world.resumes.count == 20)
    }

    // MARK: Never a silent bad file

    @Test(arguments: [0, 5_000, 9_999])
    func aWrongByteOfAFileWithADigestNeverEndsCleanly(_ place: Int) async throws {
        let digest = Data(SHA256.hash(data: Self.bytes)).hexadecimal
        for isSizeKnown in [true, false] {
            try await World(
                [.flipped(at: place)],
                checksum: digest,
                isLengthSaid: isSizeKnown,
                isSizeKnown: isSizeKnown
            )
            .expectBroken()
        }
    }

    /// Over sockets: a client that only counts bytes must not take a bad file for a good one.
    @Test(arguments: [.flipped(at: 3), .long(by: 1), .long(by: 5_000)] as [BreakingUpstream.Fault], [true, false])
    func theLastBytesOfABadFileAreHeldBack(_ fault: BreakingUpstream.Fault, _ isSizeKnown: Bool) async throws {
        let digest = Data(SHA256.hash(data: Self.bytes)).hexadecimal
        let world = try await World([fault], checksum: digest, isLengthSaid: isSizeKnown, isSizeKnown: isSizeKnown)
        try await world.fixture.live { port in
            let key = GatewayFixture.adminKey
            let answer = try await RawClient.exchange(
                port,
                "GET \(world.path) HTTP/1.1\r\nHost: localhost\r\nX-API-Key: \(key)\r\nX-Request-Id: bad\r\n\r\n"
            )
            #expect(answer.status == 200 && !answer.isWhole)
            let entry = try await world.fixture.logEntry(of: "bad")
            #expect(entry.outcome == .upstreamCut)
        }
    }
}

private final class Pauses: Sendable {
    private let taken = Mutex<[Duration]>([])

    func note(_ pause: Duration) { self.taken.withLock { $0.append(pause) } }
    var all: [Duration] { self.taken.withLock { $0 } }
}
