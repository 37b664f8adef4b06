// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Ranges, whether the upstream has them or not.
@Suite struct RangeTests {
    private func fixture(
        _ capabilities: Capabilities,
        size: Int64?? = nil
    ) async throws -> (GatewayFixture, FakeProvider, String) {
        try await RangeFixture.make(capabilities, name: "x.bin", size: size)
    }

    @Test(
        arguments: [
            ("bytes=0-0", 0...0), ("bytes=0-99", 0...99), ("bytes=16383-16385", 16_383...16_385),
            ("bytes=50000-", 50_000...99_999), ("bytes=-1", 99_999...99_999), ("bytes=-200000", 0...99_999),
            ("bytes=99999-9223372036854775807", 99_999...99_999), ("bytes=0-", 0...99_999),
        ],
        [RangeFixture.plain, RangeFixture.ranged]
    )
    func answersOneRange(_ asked: (field: String, range: ClosedRange<Int>), _ capabilities: Capabilities) async throws {
        let (fixture, provider, path) = try await self.fixture(capabilities)
        let answer = try await fixture.send(.get, path, headers: [.range: asked.field])
        #expect(answer.status == .partialContent)
        #expect(answer.data == RangeFixture.bytes[asked.range])
        let (first, last) = (asked.range.lowerBound, asked.range.upperBound)
        #expect(answer.headers[.contentRange] == "bytes \(first)-\(last)/100000")
        #expect(answer.headers[.acceptRanges] == "bytes")
        // The size is known, so the upstream is always asked for absolute positions.
        #expect(provider.contentRequests.map(\.range) == [.bounded(first: Int64(first), last: Int64(last))])
    }

    @Test(arguments: ["bytes=100000-", "bytes=100000-100001", "bytes=-0", "bytes=9223372036854775807-"])
    func whatLiesBehindTheEndIs416WithTheSize(_ field: String) async throws {
        for capabilities in [RangeFixture.plain, RangeFixture.ranged] {
            let (fixture, provider, path) = try await self.fixture(capabilities)
            let answer = try await fixture.send(.get, path, headers: [.range: field])
            #expect(answer.status == .rangeNotSatisfiable)
            #expect(answer.problemCode == "RANGE_NOT_SATISFIABLE")
            #expect(answer.headers[.contentRange] == "bytes */100000")
            #expect(provider.count(.content) == 0)
        }
    }

    @Test(arguments: ["bytes=5-1", "items=0-1", "bytes=0-1,4-3", "bytes=0-1,x", "bytes=x", "0-1"])
    func whatIsNoRangeGetsTheWholeFile(_ field: String) async throws {
        let (fixture, _, path) = try await self.fixture(RangeFixture.ranged)
        let answer = try await fixture.send(.get, path, headers: [.range: field])
        #expect(answer.status == .ok)
        #expect(answer.data == RangeFixture.bytes)
        #expect(answer.headers[.contentRange] == nil)
    }

    @Test func headIgnoresARange() async throws {
        let (fixture, _, path) = try await self.fixture(RangeFixture.ranged)
        let answer = try await fixture.send(.head, path, headers: [.range: "bytes=0-9"])
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentLength] == "100000")
    }

    @Test func ifRangeHonoursTheRangeOnlyForTheSameFile() async throws {
        let (fixture, _, path) = try await self.fixture(RangeFixture.plain)
        let head = try await fixture.send(.head, path)
        let etag = try #require(head.headers[.eTag])
        let date = try #require(head.headers[.lastModified])
        for (condition, status) in [
            (etag, HTTPResponse.Status.partialContent), (date, .partialContent), ("\"other\"", .ok),
            ("W/\(etag)", .ok), ("Sun, 06 Nov 1994 08:49:37 GMT", .ok),
        ] {
            let answer = try await fixture.send(.get, path, headers: [.range: "bytes=1-3", .ifRange: condition])
            #expect(answer.status == status, "\(condition)")
            #expect(answer.data == (status == .ok ? RangeFixture.bytes : RangeFixture.bytes[1...3]))
        }
    }

    @Test func aRangeOfAFileOfUnknownSizeIsCutOnceTheSizeIsSaid() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.plain, size: .some(nil))
        let answer = try await fixture.send(.get, path, headers: [.range: "bytes=-10"])
        #expect(answer.status == .partialContent)
        #expect(answer.data == RangeFixture.bytes.suffix(10))
        #expect(answer.headers[.contentRange] == "bytes 99990-99999/100000")
        #expect(provider.contentRequests.map(\.range) == [.suffix(10)])
        let beyond = try await fixture.send(.get, path, headers: [.range: "bytes=100000-"])
        #expect(beyond.status == .rangeNotSatisfiable)
        #expect(beyond.headers[.contentRange] == "bytes */100000")
    }

    @Test func whereNobodyKnowsTheSizeTheWholeFileComes() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.plain, size: .some(nil))
        provider.script { $0.content = { _, _ in Content(length: nil, body: FakeBody(RangeFixture.bytes).body) } }
        let answer = try await fixture.send(.get, path, headers: [.range: "bytes=0-9"])
        #expect(answer.status == .ok)
        #expect(answer.data == RangeFixture.bytes)
    }

    @Test func anotherRangeThanWasAskedForIsNeverPassedOn() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.ranged)
        provider.script {
            $0.content = { _, _ in
                let body = FakeBody(RangeFixture.bytes[0...9])
                return Content(length: 10, range: 0...9, totalSize: 100_000, body: body.body)
            }
        }
        let answer = try await fixture.send(.get, path, headers: [.range: "bytes=50-59"])
        #expect(answer.status == .badGateway)
        #expect(answer.problemCode == "UPSTREAM_MALFORMED")
    }

    @Test func aRangeOfANewerSizeIsNotTakenForTheOldFile() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.ranged)
        #expect(try await fixture.send(.head, path).headers[.contentLength] == "100000")
        provider.add("x.bin", bytes: RangeFixture.bytes[0..<60_000])
        let answer = try await fixture.send(.get, path, headers: [.range: "bytes=50-59"])
        #expect(answer.data == RangeFixture.bytes[50...59])
        #expect(answer.headers[.contentRange] == "bytes 50-59/60000")
    }
}
