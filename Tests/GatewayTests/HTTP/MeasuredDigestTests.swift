// SPDX-License-Identifier: Apache-2.0

import Crypto
import Dispatch
import Downloads
import Foundation
import HTTPTypes
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Synchronization
import Testing

@testable import Gateway

/// The digests of files whose providers tell none.
@Suite struct MeasuredDigestTests {
    private static let bytes = Data.pattern(300_000)
    private static let digest = Data(SHA256.hash(data: Self.bytes))

    private func world(
        _ capabilities: Capabilities = FakeProvider.everything,
        stored: StoreFixture? = nil,
        size: Int64?? = nil,
        change: (inout Download) -> Void = { _ in },
        createdAt: Date? = Date(timeIntervalSince1970: 1_790_000_000)
    ) async throws -> (fixture: GatewayFixture, provider: FakeProvider, path: String) {
        let provider = try FakeProvider("alpha", capabilities)
        let download = provider.add("x.bin", bytes: Self.bytes, change: change, size: size, createdAt: createdAt)
        let fixture = try await GatewayFixture([provider], stored: stored)
        return (fixture, provider, fixture.path(of: download))
    }

    @Test func whoHasTheFileFindsItsDigestEverywhere() async throws {
        let (fixture, _, path) = try await self.world()
        let first = try await fixture.send(.get, path)
        #expect(first.data == Self.bytes && first.headers[.reprDigest] == nil)
        let field = "sha-256=:\(Self.digest.base64EncodedString()):"
        for (method, headers) in [(.get, [:]), (.head, [:]), (.get, [.range: "bytes=5-9"])]
            as [(HTTPRequest.Method, HTTPFields)]
        {
            let answer = try await fixture.send(method, path, headers: headers)
            #expect(answer.headers[.reprDigest] == field)
            // What the gateway learns does not make it another file.
            #expect(answer.headers[.eTag] == first.headers[.eTag])
        }
        let hex = JSONValue.string(Self.digest.hexadecimal)
        #expect(try await fixture.json(path)["checksum"] == hex)
        #expect(try await fixture.json("/v1/downloads")["downloads"][0]["checksum"] == hex)
        let csv = try await fixture.send(.get, "/v1/downloads", headers: [.accept: "text/csv"])
        #expect(String(decoding: csv.data, as: UTF8.self).contains(Self.digest.hexadecimal))
    }

    @Test func aPartOrABrokenBodyIsNotMeasured() async throws {
        let (fixture, provider, path) = try await self.world()
        _ = try await fixture.send(.get, path, headers: [.range: "bytes=0-299998"])
        provider.script {
            $0.content = { _, _ in Content(length: 300_000, body: FakeBody(Self.bytes.prefix(9)).body) }
        }
        await #expect(throws: ProviderError.self) { try await fixture.send(.get, path) }
        #expect(try await fixture.json(path)["checksum"] == .null)
    }

    @Test func aMeasuredDigestIsNoCheck() async throws {
        let (fixture, provider, path) = try await self.world()
        _ = try await fixture.send(.get, path)
        let other = Data(Self.bytes.reversed())
        provider.script { $0.content = { _, _ in Content(length: 300_000, body: FakeBody(other).body) } }
        #expect(try await fixture.send(.get, path).data == other)
    }

    @Test func aProvidersOwnDigestStays() async throws {
        let own = Self.digest.hexadecimal.uppercased()
        let (fixture, _, path) = try await self.world(change: { $0.checksum = own })
        _ = try await fixture.send(.get, path)
        #expect(try await fixture.json(path)["checksum"] == .string(own))
    }

    @Test func anotherFileUnderTheSameNameHasNoDigest() async throws {
        let (fixture, provider, path) = try await self.world()
        _ = try await fixture.send(.get, path)
        provider.add("x.bin", bytes: .pattern(1_000))
        let anew = try await fixture.json(path, headers: [.cacheControl: "no-cache"])
        #expect(anew["size"] == 1_000 && anew["checksum"] == .null)
    }

    /// Of two files with one name, one size and no date, nobody can tell which was measured.
    @Test func aFileKnownByItsNameAloneIsNotMeasured() async throws {
        let named = Capabilities(listsSessions: true, namesAreIdentity: true)
        for (createdAt, isMeasured) in [(nil, false), (Date(timeIntervalSince1970: 1_790_000_000), true)] {
            let (fixture, _, path) = try await self.world(named, createdAt: createdAt)
            _ = try await fixture.send(.get, path)
            #expect(try await fixture.json(path)["checksum"] == .null ? !isMeasured : isMeasured)
        }
    }

    /// Another one of the same second would have the same revision, and the first one's digest.
    @Test func aFileThatMayBeReplacedWithinItsSecondIsNotMeasured() async throws {
        let named = Capabilities(listsSessions: true, namesAreIdentity: true)
        let stored = try StoreFixture()
        let (fixture, _, path) = try await self.world(named, stored: stored, createdAt: stored.time.now)
        _ = try await fixture.send(.get, path)
        #expect(try await fixture.json(path)["checksum"] == .null)
        fixture.time.advance(3)
        _ = try await fixture.send(.get, path)
        #expect(try await fixture.json(path)["checksum"] == .string(Self.digest.hexadecimal))
    }

    @Test func aDigestOutlivesARestart() async throws {
        let stored = try StoreFixture()
        let (fixture, _, path) = try await self.world(stored: stored)
        _ = try await fixture.send(.get, path)
        try await eventually("the digest is stored") { try await DigestTable(stored.store).newest(1).count == 1 }
        let (second, _, _) = try await self.world(stored: stored)
        #expect(try await second.json(path)["checksum"] == .string(Self.digest.hexadecimal))
        try await DigestTable(stored.store).prune(before: stored.time.now + 1)
        let (third, _, _) = try await self.world(stored: stored)
        #expect(try await third.json(path)["checksum"] == .null)
    }

    // MARK: Files that come quicker than they are hashed

    /// Hashing that stands still until a stream waits for it, `times` times; a wait takes a second, and what is before it `run`.
    private static func slowQueue(run: Duration, times: Int) -> DigestQueue {
        let (threads, gate) = (DispatchQueue(label: "test"), DispatchSemaphore(value: 0))
        let calls = Mutex((count: 0, now: ContinuousClock.now))
        threads.async { gate.wait() }
        // Asked at the beginning, and before and after each wait.
        let instant = { @Sendable () -> ContinuousClock.Instant in
            calls.withLock { calls in
                defer { calls.count += 1 }
                switch calls.count {
                case 0: break
                case let count where count % 2 == 1:
                    calls.now += run
                    if count < 2 * times { gate.signal() }
                case let count:
                    calls.now += .seconds(1)
                    if count < 2 * times { threads.async { gate.wait() } }
                }
                return calls.now
            }
        }
        return DigestQueue(instant: instant, threads: threads)
    }

    /// What becomes of measuring a body of `size` bytes that is read to its end.
    private static func measure(by queue: DigestQueue, size: Int64) async throws -> [DigestMeasurement] {
        let told = Told()
        let body = FakeBody(Data(count: Int(size)), piece: 1 << 20).body
        var iterator = body.measured(by: queue, size: size) { told.note($0) }.makeAsyncIterator()
        var count: Int64 = 0
        while let buffer = try await iterator.next() { count += Int64(buffer.readableBytes) }
        #expect(count == size)
        try await eventually("all is hashed") { queue.backlog.withLockedValue { $0 } == 0 && told.all.count == 1 }
        return told.all
    }

    @Test func aLargeFileIsGivenUpRatherThanSlowedDownForLong() async throws {
        let queue = Self.slowQueue(run: .zero, times: 2)
        #expect(try await Self.measure(by: queue, size: DigestQueue.smallFile + 1) == [.givenUp])
    }

    /// One that loses no more than half its time, and one that waits whatever it costs.
    @Test(arguments: [(1, DigestQueue.smallFile + 1), (0, DigestQueue.smallFile)])
    func aFileThatIsHashedQuicklyEnoughWaits(_ run: Int, _ size: Int64) async throws {
        let digest = Data(SHA256.hash(data: Data(count: Int(size))))
        let queue = Self.slowQueue(run: .seconds(run), times: 1)
        #expect(try await Self.measure(by: queue, size: size) == [.digest(digest)])
    }

    @Test(arguments: [nil, DigestQueue.smallFile + 1])
    func aLargeFileThatComesSlowlyIsMeasured(_ size: Int64?) async throws {
        let (queue, told) = (DigestQueue(instant: { .now }), Told())
        let bytes = Data.pattern(50_000)
        var iterator = FakeBody(bytes).body.measured(by: queue, size: size) { told.note($0) }.makeAsyncIterator()
        while try await iterator.next() != nil {}
        #expect(told.all == [.digest(Data(SHA256.hash(data: bytes)))])
    }

    /// Who reads a file meanwhile is not held up for the same digest; where the first one leaves, the next one measures.
    @Test func oneReaderAtATimeMeasuresAFile() async throws {
        let digests = try await MeasuredDigests(
            table: DigestTable(try StoreFixture().store),
            GatewayApplication.Surroundings(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let download = try FakeProvider("alpha").add("x.bin", bytes: Self.bytes)
        func body() -> ContentBody {
            digests.measuring(FakeBody(Self.bytes).body, of: download, namesAreIdentity: false)
        }
        func read(_ body: ContentBody) async throws -> String? {
            var count = 0
            for try await piece in body { count += piece.readableBytes }
            #expect(count == Self.bytes.count)
            return digests.completing(download).checksum
        }
        do {
            let first = body()
            #expect(try await read(body()) == nil)
            withExtendedLifetime(first) {}
        }
        #expect(try await read(body()) == Self.digest.hexadecimal)
    }
}

private final class Told: Sendable {
    private let noted = Mutex<[DigestMeasurement]>([])

    var all: [DigestMeasurement] { self.noted.withLock { $0 } }
    func note(_ measurement: DigestMeasurement) { self.noted.withLock { $0.append(measurement) } }
}
