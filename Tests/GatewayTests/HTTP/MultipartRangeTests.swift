// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

/// Several ranges at once, whether the upstream has ranges or not.
@Suite struct MultipartRangeTests {
    private func fixture(
        _ capabilities: Capabilities,
        size: Int64?? = nil
    ) async throws -> (GatewayFixture, FakeProvider, String) {
        try await RangeFixture.make(capabilities, name: "x.pdf", size: size)
    }

    /// What such an answer must be, byte for byte.
    private func body(of parts: [ClosedRange<Int>], in answer: Answer, type: String = "application/pdf") throws -> Data
    {
        let field = try #require(answer.headers[.contentType])
        let prefix = "multipart/byteranges; boundary="
        try #require(field.hasPrefix(prefix))
        let boundary = field.dropFirst(prefix.count)
        #expect(boundary.count == 32)
        var body = Data()
        for (index, part) in parts.enumerated() {
            body += Data("\(index == 0 ? "" : "\r\n")--\(boundary)\r\nContent-Type: \(type)\r\n".utf8)
            body += Data("Content-Range: bytes \(part.lowerBound)-\(part.upperBound)/100000\r\n\r\n".utf8)
            body += RangeFixture.bytes[part]
        }
        return body + Data("\r\n--\(boundary)--\r\n".utf8)
    }

    @Test(
        arguments: [
            ("bytes=0-0,-1", [0...0, 99_999...99_999]),
            ("bytes=10-19, 20-29 ,16380-16390", [10...19, 20...29, 16_380...16_390]),
            ("bytes=50000-69999,90000-", [50_000...69_999, 90_000...99_999]),
            ("bytes=-10,0-9,5-14", [99_990...99_999, 0...9, 5...14]),
            ("bytes=0-1,100000-,2-3,-0", [0...1, 2...3]),
            ("bytes=0-49999,50000-9223372036854775807", [0...49_999, 50_000...99_999]),
        ],
        [RangeFixture.plain, RangeFixture.ranged]
    )
    func answersSeveralRanges(
        _ asked: (field: String, parts: [ClosedRange<Int>]),
        _ capabilities: Capabilities
    ) async throws {
        let (fixture, provider, path) = try await self.fixture(capabilities)
        let answer = try await fixture.send(.get, path, headers: [.range: asked.field])
        #expect(answer.status == .partialContent)
        #expect(try answer.data == self.body(of: asked.parts, in: answer))
        #expect(answer.headers[.contentLength] == "\(answer.data.count)")
        #expect(answer.headers[.contentRange] == nil)
        #expect(answer.headers[.eTag] != nil && answer.headers[.acceptRanges] == "bytes")
        let ranges = asked.parts.map { ByteRange.bounded(first: Int64($0.lowerBound), last: Int64($0.upperBound)) }
        let stepsBack = zip(asked.parts, asked.parts.dropFirst()).count { $1.lowerBound <= $0.upperBound }
        if capabilities.ranges {
            #expect(provider.contentRequests.map(\.range) == ranges)
        } else {
            #expect(provider.count(.content) == 1 + stepsBack)
        }
    }

    @Test func aSingleRangeThatIsLeftIsAPlainPart() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.ranged)
        let answer = try await fixture.send(.get, path, headers: [.range: "bytes=100000-,5-9,-0"])
        #expect(answer.status == .partialContent)
        #expect(answer.headers[.contentRange] == "bytes 5-9/100000")
        #expect(answer.headers[.contentType] == "application/pdf")
        #expect(answer.data == RangeFixture.bytes[5...9])
        #expect(provider.count(.content) == 1)
    }

    @Test(arguments: [
        "bytes=100000-,100001-100002", "bytes=0-,0-0", "bytes=-60000,-60000", "bytes=0-99999,9223372036854775806-,5-5",
        "bytes=" + (0..<17).map { "\($0)-\($0)" }.joined(separator: ","),
        "bytes=" + String(repeating: "0-,", count: 10_000),
    ])
    func whatCannotOrIsNotToBeServedIs416WithoutTheUpstream(_ field: String) async throws {
        for capabilities in [RangeFixture.plain, RangeFixture.ranged] {
            let (fixture, provider, path) = try await self.fixture(capabilities)
            let answer = try await fixture.send(.get, path, headers: [.range: field])
            #expect(answer.status == .rangeNotSatisfiable)
            #expect(answer.problemCode == "RANGE_NOT_SATISFIABLE")
            #expect(answer.headers[.contentRange] == "bytes */100000")
            #expect(provider.count(.content) == 0)
        }
    }

    @Test func aWholeBodyIsReadAnewAtMostTwice() async throws {
        let field = "bytes=40-49,30-39,20-29,10-19"
        let (fixture, provider, path) = try await self.fixture(RangeFixture.plain)
        let refused = try await fixture.send(.get, path, headers: [.range: field])
        #expect(refused.status == .rangeNotSatisfiable && refused.headers[.contentRange] == "bytes */100000")
        #expect(provider.count(.content) == 1)
        let (other, upstream, there) = try await self.fixture(RangeFixture.ranged)
        let answer = try await other.send(.get, there, headers: [.range: field])
        #expect(try answer.data == self.body(of: [40...49, 30...39, 20...29, 10...19], in: answer))
        #expect(upstream.count(.content) == 4)
    }

    @Test func whatIsSkippedIsSaid() async throws {
        func skip(_ answer: Answer) -> String? {
            answer.headers[.serverTiming]?.split(separator: ", ").first { $0.hasPrefix("skip;") }.map(String.init)
        }
        let (fixture, _, path) = try await self.fixture(RangeFixture.plain)
        let (other, _, there) = try await self.fixture(RangeFixture.ranged)
        for (field, skipped) in [
            ("bytes=100-199", 100), ("bytes=-1", 99_999), ("bytes=0-9,20-29,25-30", 35), ("bytes=0-9", nil), ("", nil),
        ] as [(String, Int?)] {
            let headers: HTTPFields = field.isEmpty ? [:] : [.range: field]
            let answer = try await fixture.send(.get, path, headers: headers)
            #expect(
                skip(answer)
                    == skipped.map { "skip;desc=\"\($0) bytes of the upstream's body were skipped\"" }
            )
            let unskipped = try await other.send(.get, there, headers: headers)
            #expect(skip(unskipped) == nil)
        }
        let head = try await fixture.send(.head, path, headers: [.range: "bytes=5-9,20-29"])
        #expect(head.status == .ok && skip(head) == nil)
        #expect(head.headers[.contentLength] == "100000" && head.headers[.contentType] == "application/pdf")
    }

    @Test func whereTheSizeIsNotKnownTheWholeFileComes() async throws {
        let (fixture, _, path) = try await self.fixture(RangeFixture.plain, size: .some(nil))
        let answer = try await fixture.send(.get, path, headers: [.range: "bytes=0-9,20-29"])
        #expect(answer.status == .ok && answer.data == RangeFixture.bytes)
    }

    @Test func aLaterPartIsAskedForWhenItsTurnComes() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.ranged)
        provider.script {
            $0.content = { _, request in
                // The second part is of another file; the first is long enough to be sent before.
                let range = request.range?.resolved(size: 100_000) ?? 0...0
                let part = RangeFixture.bytes[Int(range.lowerBound)...Int(range.upperBound)]
                let (size, tag): (Int64, String) = range.lowerBound == 0 ? (100_000, "\"a\"") : (100_000, "\"b\"")
                return Content(
                    length: range.byteCount,
                    range: range,
                    totalSize: size,
                    validator: tag,
                    body: FakeBody(Data(part)).body
                )
            }
        }
        await #expect(throws: ProviderError.self) {
            try await fixture.send(.get, path, headers: [.range: "bytes=0-49,60-69"])
        }
        let entry = try #require(try await fixture.log().last)
        #expect(entry.status == 206 && entry.outcome == .upstreamCut)
        #expect(entry.bytesOut > 50 && entry.bytesOut < 300)
    }

    @Test(arguments: [RangeFixture.plain, RangeFixture.ranged])
    func aPartThatEndsEarlyBreaksTheBody(_ capabilities: Capabilities) async throws {
        let (fixture, provider, path) = try await self.fixture(capabilities)
        provider.script {
            $0.content = { _, request in
                guard capabilities.ranges, let range = request.range?.resolved(size: 100_000) else {
                    return Content(length: 100_000, body: FakeBody(RangeFixture.bytes[0..<60_000]).body)
                }
                let part = RangeFixture.bytes[Int(range.lowerBound)..<Int(range.upperBound)]
                return Content(length: nil, range: range, totalSize: 100_000, body: FakeBody(Data(part)).body)
            }
        }
        await #expect(throws: ProviderError.self) {
            try await fixture.send(.get, path, headers: [.range: "bytes=0-9,59990-60009"])
        }
    }

    @Test func aNewerSizeIsTakenOver() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.ranged)
        _ = try await fixture.send(.head, path)
        provider.add("x.pdf", bytes: RangeFixture.bytes[0..<60_000])
        let answer = try await fixture.send(.get, path, headers: [.range: "bytes=0-9,-10"])
        #expect(answer.status == .partialContent)
        #expect(answer.text.contains("Content-Range: bytes 0-9/60000\r\n"))
        #expect(answer.text.contains("Content-Range: bytes 59990-59999/60000\r\n"))
    }

    @Test func conditionsAreHeldAgainstTheCatalogue() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.plain)
        let head = try await fixture.send(.head, path)
        let (etag, date) = (try #require(head.headers[.eTag]), try #require(head.headers[.lastModified]))
        let (asked, before) = (provider.count(.download), "Sun, 06 Nov 1994 08:49:37 GMT")
        let cases: [(HTTPFields, get: HTTPResponse.Status, head: HTTPResponse.Status)] = [
            ([.ifRange: "\"other\""], .ok, .ok), ([.ifRange: before], .ok, .ok),
            ([.ifRange: "W/\(etag)"], .ok, .ok), ([.ifRange: etag], .partialContent, .ok),
            ([.ifRange: date], .partialContent, .ok),
            ([.ifMatch: etag], .partialContent, .ok), ([.ifMatch: "*"], .partialContent, .ok),
            ([.ifMatch: "\"other\""], .preconditionFailed, .preconditionFailed),
            ([.ifNoneMatch: etag], .notModified, .notModified), ([.ifNoneMatch: "\"other\""], .partialContent, .ok),
            ([.ifModifiedSince: date], .notModified, .notModified), ([.ifModifiedSince: before], .partialContent, .ok),
            ([.ifUnmodifiedSince: date], .partialContent, .ok),
            ([.ifUnmodifiedSince: before], .preconditionFailed, .preconditionFailed),
        ]
        for (condition, get, head) in cases {
            for (range, body) in [("bytes=1-3", RangeFixture.bytes[1...3]), ("bytes=1-3,5-7", nil)] as [(String, Data?)]
            {
                let before = provider.count(.content)
                var headers = condition
                headers[.range] = range
                let answer = try await fixture.send(.get, path, headers: headers)
                #expect(answer.status == get, "\(condition)")
                if get == .partialContent, let body { #expect(answer.data == body) }
                if get == .ok { #expect(answer.data == RangeFixture.bytes) }
                let isOpened = get == .ok || get == .partialContent
                #expect(provider.count(.content) == before + (isOpened ? 1 : 0), "\(condition)")
                #expect(try await fixture.send(.head, path, headers: headers).status == head, "\(condition)")
                #expect(provider.count(.content) == before + (isOpened ? 1 : 0))
            }
        }
        #expect(provider.count(.download) == asked && provider.count(.list) == 0)
    }

    @Test func theDaysBytesCountTheWholeBody() async throws {
        let (fixture, provider, path) = try await self.fixture(RangeFixture.plain)
        let headers: HTTPFields = [.range: "bytes=0-9,20-29"]
        let free = try await fixture.send(.get, path, headers: headers)
        let length = Int64(free.data.count)
        #expect(length > 200)
        let key = try await fixture.key(limits: RateLimitPolicy(bytesPerDay: length * 2 - 1))
        #expect(try await fixture.send(.get, path, key: key, headers: headers).status == .partialContent)
        #expect(try await fixture.send(.get, path, key: key, headers: headers).problemCode == "QUOTA_EXCEEDED")
        #expect(provider.count(.content) == 2)
        let log = try await fixture.log()
        #expect(log.map(\.status) == [206, 206, 429])
        #expect(log.prefix(2).allSatisfy { $0.bytesOut == length && $0.outcome == .complete })
    }
}
