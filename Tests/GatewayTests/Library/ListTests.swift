// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

/// Merging, sorting, filtering and the forms of `GET /v1/downloads`.
@Suite struct ListTests {
    private let epoch = Date(timeIntervalSince1970: 1_790_000_000)

    private func time(_ seconds: Double) -> Date { self.epoch.addingTimeInterval(seconds) }

    private func three() throws -> [FakeProvider] {
        let providers = try ["alpha", "beta", "gamma"].map { try FakeProvider($0) }
        providers[0].add("a1.pdf", in: "s1", bytes: .pattern(10), createdAt: self.time(1))
        providers[0].add("a2.png", in: "s2", bytes: .pattern(40), createdAt: self.time(4))
        providers[1].add("b1.pdf", bytes: .pattern(30), createdAt: self.time(3))
        providers[2].add("c1.txt", bytes: .pattern(20), createdAt: self.time(2))
        providers[2].add("c2.txt", bytes: Data(), size: .some(nil), createdAt: nil)
        return providers
    }

    @Test func mergesEveryProviderNewestFirst() async throws {
        let fixture = try await GatewayFixture(self.three())
        let list = try await fixture.json("/v1/downloads")
        #expect(list.filenames == ["a2.png", "b1.pdf", "c1.txt", "a1.pdf", "c2.txt"])
        #expect(list["total"] == 5)
        #expect(list["complete"] == true)
        #expect(list["limit"] == 20)
        #expect(list["offset"] == 0)
        #expect(list["nextCursor"] == .null)
        #expect(list["sources"].items.compactMap { $0["count"].integer } == [2, 1, 2])
        #expect(list["sources"].items.allSatisfy { $0["state"] == "fresh" && $0["ageSeconds"] == 0 })
    }

    @Test func aDownloadHasEveryFieldOfTheContract() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("a b.pdf") { $0.native = ["id": "x"] }
        let fixture = try await GatewayFixture([provider]) { $0.server.publicURL = "https://files.example.com/" }
        let item = try await fixture.json("/v1/downloads")["downloads"][0]
        #expect(
            item.members
                == [
                    "checksum", "completedAt", "createdAt", "error", "expiresAt", "filename", "id", "links", "mimeType",
                    "native", "pageUrl", "progress", "provider", "sessionId", "size", "sourceUrl", "status",
                ]
        )
        #expect(item["id"].text == fixture.id(of: download))
        #expect(item["provider"] == "alpha")
        #expect(item["sessionId"] == "s1")
        #expect(item["filename"] == "a b.pdf")
        #expect(item["mimeType"] == "application/pdf")
        #expect(item["size"] == 10)
        #expect(item["status"] == "completed")
        #expect(item["createdAt"].text == RFC3339.format(self.epoch))
        #expect(item["native"] == .object(["id": "x", "name": "a b.pdf"]))
        let link = "https://files.example.com" + fixture.path(of: download)
        #expect(item["links"] == .object(["self": .string(link), "content": .string(link)]))
    }

    @Test(arguments: [
        ("createdAt", ["a1.pdf", "c1.txt", "b1.pdf", "a2.png", "c2.txt"]),
        ("-createdAt", ["a2.png", "b1.pdf", "c1.txt", "a1.pdf", "c2.txt"]),
        ("size", ["a1.pdf", "c1.txt", "b1.pdf", "a2.png", "c2.txt"]),
        ("-size", ["a2.png", "b1.pdf", "c1.txt", "a1.pdf", "c2.txt"]),
        ("filename", ["a1.pdf", "a2.png", "b1.pdf", "c1.txt", "c2.txt"]),
        ("-filename", ["c2.txt", "c1.txt", "b1.pdf", "a2.png", "a1.pdf"]),
    ])
    func sortsWithUnknownValuesLast(_ sort: String, _ names: [String]) async throws {
        let fixture = try await GatewayFixture(self.three())
        #expect(try await fixture.json("/v1/downloads?sort=\(sort)").filenames == names)
    }

    @Test(arguments: ["-createdAt", "size", "-size"])
    func equalValuesAreInTheOrderOfTheirIDs(_ sort: String) async throws {
        let provider = try FakeProvider("alpha")
        for number in 0..<12 { provider.add("f\(number)") }
        let fixture = try await GatewayFixture([provider])
        let ids = try await fixture.json("/v1/downloads?sort=\(sort)")["downloads"].items.compactMap { $0["id"].text }
        #expect(ids.count == 12)
        #expect(ids == ids.sorted())
    }

    @Test(
        arguments: [
            ("filename=a1.pdf", ["a1.pdf"]), ("q=A", ["a2.png", "a1.pdf"]), ("q=1.", ["b1.pdf", "c1.txt", "a1.pdf"]),
            ("mimeType=application/pdf", ["b1.pdf", "a1.pdf"]), ("mimeType=image/*", ["a2.png"]),
            ("mimeType=IMAGE/PNG", ["a2.png"]), ("minSize=20", ["a2.png", "b1.pdf", "c1.txt"]),
            ("maxSize=20", ["c1.txt", "a1.pdf"]), ("minSize=20&maxSize=30", ["b1.pdf", "c1.txt"]),
            ("createdAfter=2026-09-21T14:13:23Z", ["a2.png", "b1.pdf"]),
            ("createdBefore=2026-09-21T15:13:22+01:00", ["c1.txt", "a1.pdf"]),
            ("provider=alpha", ["a2.png", "a1.pdf"]), ("provider=alpha,beta", ["a2.png", "b1.pdf", "a1.pdf"]),
            ("provider=alpha&provider=gamma", ["a2.png", "c1.txt", "a1.pdf", "c2.txt"]), ("sessionId=s2", ["a2.png"]),
            ("q=nothing", []), ("status=completed&q=c1", ["c1.txt"]), ("status=failed", []),
        ] as [(String, [String])]
    )
    func filters(_ query: String, _ names: [String]) async throws {
        let fixture = try await GatewayFixture(self.three())
        #expect(RFC3339.format(self.epoch) == "2026-09-21T14:13:20Z")
        #expect(try await fixture.json("/v1/downloads?\(query)").filenames == names)
    }

    @Test(arguments: [
        ("active", ["downloading", "queued"]), ("queued", ["queued"]), ("failed,cancelled", ["cancelled", "failed"]),
        ("active&status=completed", ["completed", "downloading", "queued"]),
    ])
    func filtersByStatus(_ status: String, _ names: [String]) async throws {
        let provider = try FakeProvider("alpha")
        for status in DownloadStatus.allCases { provider.add(status.rawValue) { $0.status = status } }
        let fixture = try await GatewayFixture([provider])
        #expect(try await fixture.json("/v1/downloads?sort=filename&status=\(status)").filenames == names)
    }

    @Test func onlyFiltersThatAnUpstreamHasGoToIt() async throws {
        let able = try FakeProvider("able", .init(listsSessions: true, filters: [.filename, .createdAfter]))
        let plain = try FakeProvider("plain")
        for provider in [able, plain] {
            provider.add("x.txt")
            provider.add("y.txt")
        }
        let fixture = try await GatewayFixture([able, plain])
        let list = try await fixture.json("/v1/downloads?filename=x.txt&minSize=1&createdAfter=2026-01-01")
        #expect(list.filenames == ["x.txt", "x.txt"])
        #expect(able.listQueries.map(\.filter.filename) == ["x.txt"])
        #expect(able.listQueries.map(\.filter.minSize) == [nil])
        #expect(able.listQueries.map { $0.filter.createdAfter == nil } == [false])
        #expect(plain.listQueries.map(\.filter) == [DownloadFilter()])
    }

    @Test func readsEveryPageOfAnUpstream() async throws {
        let provider = try FakeProvider("alpha")
        for number in 0..<7 { provider.add("f\(number)") }
        provider.script { $0.pageSize = 3 }
        let fixture = try await GatewayFixture([provider])
        #expect(try await fixture.json("/v1/downloads")["total"] == 7)
        #expect(provider.count(.list) == 3)
    }

    @Test func aProviderWithARootIsListedWithoutSessions() async throws {
        let provider = try FakeProvider("root", .init(listsRoot: true))
        provider.add("r.txt", in: nil)
        let fixture = try await GatewayFixture([provider])
        let list = try await fixture.json("/v1/downloads")
        #expect(list["downloads"][0]["sessionId"] == .null)
        #expect(provider.count(.sessions) == 0)
    }

    @Test(arguments: [
        "limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "offset=-1", "offset=1000000001", "sort=name",
        "sort=--size", "sort=", "status=done", "status=", "mimeType=pdf", "mimeType=a/b/c", "minSize=-1", "minSize=1.5",
        "maxSize=9223372036854775808", "createdAfter=now", "createdBefore=2026-02-30", "filename=", "q=", "sessionId=",
        "provider=nobody", "provider=", "limit=5&limit=6", "sessionId=a&sessionId=b", "unknown=1", "Limit=5",
        "offset=1&cursor=x",
    ])
    func refusesWhatIsOutOfRange(_ query: String) async throws {
        let fixture = try await GatewayFixture(self.three())
        let answer = try await fixture.send(.get, "/v1/downloads?\(query)")
        #expect(answer.status == .badRequest)
        #expect(answer.problemCode == "INVALID_REQUEST")
        let field = query.split(separator: "&").last?.prefix { $0 != "=" } ?? ""
        #expect(answer.problemFields == [String(field)])
    }

    @Test func namesEveryFaultAtOnce() async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(.get, "/v1/downloads?limit=0&sort=x&provider=nobody&typo=1&createdAfter=x")
        #expect(Set(answer.problemFields) == ["limit", "sort", "provider", "typo", "createdAfter"])
    }

    // MARK: Forms

    @Test func writesALinePerDownload() async throws {
        let fixture = try await GatewayFixture(self.three())
        let answer = try await fixture.send(.get, "/v1/downloads?limit=1", headers: [.accept: "application/x-ndjson"])
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentType] == "application/x-ndjson")
        #expect(answer.headers[.vary] == "Accept")
        #expect(answer.text.hasSuffix("\n"))
        let lines = try answer.text.split(separator: "\n").map {
            try JSONDecoder().decode(JSONValue.self, from: Data($0.utf8))
        }
        // `limit` is for JSON only.
        #expect(lines.compactMap { $0["filename"].text } == ["a2.png", "b1.pdf", "c1.txt", "a1.pdf", "c2.txt"])
    }

    @Test func writesCSVWithAHeaderAndWithoutFormulas() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("=cmd|' /C calc'!A0,\"x\".csv")
        let fixture = try await GatewayFixture([provider])
        let answer = try await fixture.send(.get, "/v1/downloads", headers: [.accept: "text/csv"])
        #expect(answer.headers[.contentType]?.hasPrefix("text/csv") == true)
        let lines = answer.text.split(separator: "\r\n")
        let columns =
            "id,provider,sessionId,filename,mimeType,size,checksum,status,createdAt,completedAt,expiresAt,sourceUrl,pageUrl"
        #expect(lines.first.map(String.init) == columns)
        let name = "\"C calc'!A0,\"\"x\"\".csv\""
        let row = "\(fixture.id(of: download)),alpha,s1,\(name),text/csv,10,,completed,2026-09-21T14:13:20Z,,,,"
        #expect(lines.dropFirst().map(String.init) == [row])
        provider.add("=1+1.csv", item: "formula")
        let again = try await fixture.send(
            .get,
            "/v1/downloads",
            headers: [.accept: "text/csv", .cacheControl: "no-cache"]
        )
        #expect(again.text.contains(",'=1+1.csv,"))
    }

    @Test(arguments: ["text/html", "image/png", "text/event-stream;q=0", "application/json;q=0"])
    func refusesOtherFormsAndListsWhatThereIs(_ accept: String) async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(.get, "/v1/downloads", headers: [.accept: accept])
        #expect(answer.status == .notAcceptable)
        #expect(answer.problemCode == "NOT_ACCEPTABLE")
        #expect(answer.headers[.vary] == "Accept")
        for form in ["application/json", "application/x-ndjson", "text/csv"] { #expect(answer.text.contains(form)) }
    }

    @Test func anEmptyGatewayHasAnEmptyList() async throws {
        let fixture = try await GatewayFixture([])
        let list = try await fixture.json("/v1/downloads")
        #expect(list["downloads"] == .array([]))
        #expect(list["total"] == 0)
        #expect(list["complete"] == true)
    }
}
