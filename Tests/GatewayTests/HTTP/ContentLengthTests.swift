// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

/// A length that contradicts the list: healed by asking anew, else refused before the first byte.
@Suite struct ContentLengthTests {
    private let bytes = Data.pattern(1000)

    @Test func aLengthThatContradictsTheListIsRefusedBeforeTheFirstByte() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", bytes: self.bytes)
        let body = FakeBody(self.bytes[0..<900])
        provider.script { $0.content = { _, _ in Content(length: 900, body: body.body) } }
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.get, fixture.path(of: download))
        #expect(answer.status == .badGateway)
        #expect(answer.problemCode == "UPSTREAM_MALFORMED")
        // Once for the preview, once to ask anew.
        #expect(provider.count(.download) == 2)
        #expect(body.pulled == 0)
    }

    @Test func aLengthThatTheListHasCaughtUpWithIsServed() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", bytes: self.bytes)
        let fixture = try await GatewayFixture([provider])
        let before = try await fixture.send(.head, fixture.path(of: download)).headers[.eTag]
        provider.add("x", bytes: self.bytes[0..<900])
        let answer = try await fixture.send(.get, fixture.path(of: download))
        #expect(answer.status == .ok)
        #expect(answer.data == self.bytes[0..<900])
        #expect(answer.headers[.eTag] != before)
        let head = try await fixture.send(.head, fixture.path(of: download))
        #expect(head.headers[.contentLength] == "900")
        #expect(head.headers[.eTag] == answer.headers[.eTag])
    }

    @Test func theListedSizeIsPromisedWhereTheUpstreamSaysNone() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", bytes: self.bytes)
        let (short, long) = (FakeBody(self.bytes[0..<999]), FakeBody(self.bytes + Data([1])))
        let fixture = try await GatewayFixture([provider])
        for body in [short, long] {
            provider.script { $0.content = { _, _ in Content(length: nil, body: body.body) } }
            // The router's test client passes the body's error on: the answer never has a clean end.
            await #expect(throws: ProviderError.self) {
                try await fixture.send(.get, fixture.path(of: download))
            }
        }
        let outcomes = try await fixture.log().map(\.outcome)
        #expect(outcomes == [.upstreamCut, .upstreamCut])
    }

    @Test func theUpstreamsTypeStandsInWhereTheListHasNone() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("mystery", bytes: self.bytes)
        let bytes = self.bytes
        provider.script {
            $0.content = { _, _ in Content(length: 1000, mimeType: "image/png", body: FakeBody(bytes).body) }
        }
        let fixture = try await GatewayFixture([provider])
        let path = fixture.path(of: download)
        #expect(try await fixture.send(.get, path).headers[.contentType] == "image/png")
        let named = try await fixture.send(.get, path, headers: [.accept: "application/octet-stream"])
        #expect(named.headers[.contentType] == "application/octet-stream")
    }

    // MARK: The bodies themselves

    private func collect(_ body: ContentBody) async throws(ProviderError) -> Data {
        var all = Data()
        var iterator = body.makeAsyncIterator()
        while let buffer = try await iterator.next() {
            #expect(buffer.readableBytes > 0)
            all.append(contentsOf: buffer.readableBytesView)
        }
        return all
    }

    @Test(arguments: [0...0, 0...999, 15...16, 16...31, 999...999, 7...500])
    func cutsARangeOutOfAnyPieces(_ range: ClosedRange<Int64>) async throws {
        for piece in [1, 16, 333, 2000] {
            let source = FakeBody(self.bytes, piece: piece)
            let cut = try await self.collect(source.body.cut(to: range))
            #expect(cut == self.bytes[Int(range.lowerBound)...Int(range.upperBound)])
            // What lies behind the range is not read, but for the piece that its end lies in.
            #expect(source.pulled <= Int(range.upperBound) + piece)
        }
    }

    @Test func aBodyThatEndsInsideOfItsRangeBreaks() async throws {
        await #expect(throws: ProviderError.self) {
            _ = try await self.collect(FakeBody(self.bytes).body.cut(to: 990...1000))
        }
    }

    @Test(arguments: [0, 999, 1001, 2000] as [Int64])
    func aBodyThatDoesNotKeepToItsLengthBreaks(_ length: Int64) async throws {
        await #expect(throws: ProviderError.self) {
            _ = try await self.collect(FakeBody(self.bytes).body.held(to: length))
        }
        #expect(try await self.collect(FakeBody(self.bytes).body.held(to: 1000)) == self.bytes)
    }
}
