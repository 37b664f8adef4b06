// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct ListPagingTests {
    private let anew: HTTPFields = [.cacheControl: "no-cache"]

    /// `f0` the oldest; every third has no size, all of a size have an equal.
    private func provider(_ count: Int) throws -> FakeProvider {
        let provider = try FakeProvider("alpha")
        for number in 0..<count {
            provider.add(
                "f\(number)",
                size: .some(number % 3 == 0 ? nil : Int64(number / 4)),
                createdAt: Date(timeIntervalSince1970: 1_790_000_000 + Double(number))
            )
        }
        return provider
    }

    /// Follows the cursors from `uri` on to the end.
    private func walk(_ fixture: GatewayFixture, _ query: String) async throws -> [[String]] {
        var pages: [[String]] = []
        var next = "/v1/downloads?" + query
        for _ in 0..<100 {
            let page = try await fixture.json(next)
            pages.append(page.filenames)
            guard let cursor = page["nextCursor"].text else { return pages }
            next = "/v1/downloads?\(query)&cursor=\(cursor)"
        }
        throw NeverHappened()
    }

    @Test(arguments: ["-createdAt", "createdAt", "size", "-size", "filename", "-filename"], [1, 3, 7, 100])
    func cursorsShowEveryDownloadJustOnce(_ sort: String, _ limit: Int) async throws {
        let fixture = try await GatewayFixture([self.provider(14)])
        let whole = try await fixture.json("/v1/downloads?limit=100&sort=\(sort)").filenames
        let pages = try await self.walk(fixture, "limit=\(limit)&sort=\(sort)")
        #expect(Set(whole).count == 14)
        #expect(pages.flatMap { $0 } == whole)
        #expect(pages.dropLast().allSatisfy { $0.count == limit })
        #expect(pages.count == (14 + limit - 1) / limit)
    }

    /// A name that is written in another way is the same name.
    @Test(arguments: ["offset=1", "%6Fffset=1", "offse%74=1"])
    func theNextPageIsThatOfTheCursor(_ offset: String) async throws {
        let fixture = try await GatewayFixture([self.provider(5)])
        let answer = try await fixture.send(.get, "/v1/downloads?\(offset)&q=%66&limit=2")
        let name = try #require(HTTPField.Name("Link"))
        let link = try #require(answer.headers[name]?.split(separator: ">").first?.dropFirst())
        #expect(link.contains("?q=%66&limit=2&cursor="))
        #expect(try await fixture.json(String(link)).filenames == ["f1", "f0"])
        let twice = try await fixture.send(.get, String(link.replacing("cursor=", with: "%63ursor=")) + "&offset=1")
        #expect(twice.problemFields == ["cursor"])
    }

    @Test func offsetsCutTheSameList() async throws {
        let fixture = try await GatewayFixture([self.provider(5)])
        let page = try await fixture.json("/v1/downloads?limit=2&offset=2")
        #expect(page.filenames == ["f2", "f1"])
        #expect(page["offset"] == 2)
        #expect(page["limit"] == 2)
        #expect(page["total"] == 5)
        let last = try await fixture.json("/v1/downloads?limit=2&offset=4")
        #expect(last.filenames == ["f0"])
        #expect(last["nextCursor"] == .null)
        let beyond = try await fixture.json("/v1/downloads?offset=1000000000")
        #expect(beyond.filenames == [])
        #expect(beyond["nextCursor"] == .null)
        #expect(beyond["total"] == 5)
    }

    @Test func whatIsAddedMeanwhileShiftsNoPage() async throws {
        let provider = try self.provider(6)
        let fixture = try await GatewayFixture([provider])
        let first = try await fixture.json("/v1/downloads?limit=3")
        #expect(first.filenames == ["f5", "f4", "f3"])
        provider.add("new", createdAt: Date(timeIntervalSince1970: 1_795_000_000))
        let cursor = try #require(first["nextCursor"].text)
        let second = try await fixture.json("/v1/downloads?limit=3&cursor=\(cursor)", headers: self.anew)
        #expect(second.filenames == ["f2", "f1", "f0"])
        #expect(second["total"] == 7)
    }

    @Test func aCursorOutlivesTheDownloadThatItNames() async throws {
        let provider = try self.provider(6)
        let fixture = try await GatewayFixture([provider])
        let cursor = try #require(try await fixture.json("/v1/downloads?limit=3")["nextCursor"].text)
        provider.remove(DownloadReference(provider: provider.id, session: "s1", item: "f3"))
        let second = try await fixture.json("/v1/downloads?limit=3&cursor=\(cursor)", headers: self.anew)
        #expect(second.filenames == ["f2", "f1", "f0"])
    }

    @Test func theNextPageIsLinked() async throws {
        let fixture = try await GatewayFixture([self.provider(5)]) { $0.server.publicURL = "https://files.example.com" }
        let answer = try await fixture.send(
            .get,
            "/v1/downloads?limit=2&offset=1&q=f",
            headers: [.accept: "application/json"]
        )
        let cursor = try #require(try answer.json(expecting: .ok)["nextCursor"].text)
        let link = "<https://files.example.com/v1/downloads?limit=2&q=f&cursor=\(cursor)>; rel=\"next\""
        #expect(answer.headers[.linkTarget] == link)
        let next = try await fixture.send(.get, "/v1/downloads?limit=2&q=f&cursor=\(cursor)")
        #expect(try next.json(expecting: .ok).filenames == ["f1", "f0"])
        #expect(next.headers[.linkTarget] == nil)
    }

    // MARK: Cursors that are none

    private func refusal(_ fixture: GatewayFixture, _ query: String) async throws -> String? {
        let answer = try await fixture.send(.get, "/v1/downloads?" + query)
        #expect(answer.status == .badRequest)
        #expect(answer.problemFields == ["cursor"])
        return answer.problemCode
    }

    @Test(arguments: [
        "q=f", "sort=size", "provider=alpha", "sessionId=s1", "status=completed", "minSize=0", "mimeType=text/*",
        "filename=f1", "createdAfter=2026-01-01", "createdBefore=2027-01-01", "maxSize=10",
    ])
    func aCursorBelongsToItsQuestion(_ other: String) async throws {
        let fixture = try await GatewayFixture([self.provider(5)])
        let cursor = try #require(try await fixture.json("/v1/downloads?limit=2")["nextCursor"].text)
        #expect(try await self.refusal(fixture, "limit=2&\(other)&cursor=\(cursor)") == "INVALID_CURSOR")
        // The size of the page may change on the way.
        #expect(try await fixture.json("/v1/downloads?limit=3&cursor=\(cursor)").filenames == ["f2", "f1", "f0"])
    }

    @Test func anAlteredCursorIsNone() async throws {
        let fixture = try await GatewayFixture([self.provider(5)])
        let cursor = try #require(try await fixture.json("/v1/downloads?limit=2")["nextCursor"].text)
        for index in cursor.indices where cursor.distance(from: cursor.startIndex, to: index).isMultiple(of: 5) {
            let other: Character = cursor[index] == "A" ? "B" : "A"
            let altered = cursor.replacingCharacters(in: index...index, with: String(other))
            #expect(try await self.refusal(fixture, "limit=2&cursor=\(altered)") == "INVALID_CURSOR")
        }
    }

    @Test(arguments: ["x", "AAAA", "!!!", "bG9nOjE", String(repeating: "A", count: 1000)])
    func whatWeNeverMadeIsNoCursor(_ cursor: String) async throws {
        let fixture = try await GatewayFixture([])
        #expect(try await self.refusal(fixture, "cursor=\(cursor)") == "INVALID_CURSOR")
    }

    @Test func anotherGatewaysCursorIsNone() async throws {
        let request = ListRequest()
        let position = SortOrder.Position(number: 1, text: nil, id: "dl_x")
        let foreign = ListCursorCoder(secret: .init(data: Data(repeating: 8, count: 32)))
        let text = foreign.text(of: ListCursor(position: position), for: request)
        #expect(foreign.cursor(in: text, for: request)?.position == position)
        let fixture = try await GatewayFixture([])
        #expect(try await self.refusal(fixture, "cursor=\(text)") == "INVALID_CURSOR")
    }
}
