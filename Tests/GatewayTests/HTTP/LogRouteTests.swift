// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct LogRouteTests {
    @Test func everyRequestHasJustOneEntry() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", in: "s9")
        let fixture = try await GatewayFixture([provider])
        let path = fixture.path(of: download)
        let reader = try await fixture.key()
        let expected: [(HTTPRequest.Method, String, String?, String?, Int, String?)] = [
            (.get, path, reader, "/v1/downloads/{id}", 200, nil),
            (.head, path, reader, "/v1/downloads/{id}", 200, nil),
            (.get, "/v1/downloads", nil, "/v1/downloads", 401, "UNAUTHENTICATED"),
            (.get, "/v1/downloads", "wrong-key-wrong-key", "/v1/downloads", 401, "UNAUTHENTICATED"),
            (.delete, path, reader, "/v1/downloads/{id}", 403, "INSUFFICIENT_SCOPE"),
            (.get, "/unknown", reader, nil, 404, "NOT_FOUND"),
            (.put, "/v1/downloads", reader, nil, 405, "METHOD_NOT_ALLOWED"),
            (.get, "/v1/downloads?limit=0", reader, "/v1/downloads", 400, "INVALID_REQUEST"),
            (.get, "/v1/%64ownloads", reader, nil, 404, "NOT_FOUND"),
            (.get, "/healthz", nil, "/healthz", 200, nil),
        ]
        for (method, uri, key, _, _, _) in expected { _ = try await fixture.send(method, uri, key: key) }
        let entries = try await fixture.log()
        #expect(entries.count == expected.count)
        for (entry, (method, uri, key, route, status, code)) in zip(entries, expected) {
            #expect(entry.method == method.rawValue)
            #expect(entry.path == uri)
            #expect(entry.route == route, "\(uri)")
            #expect(entry.status == status)
            #expect(entry.code == code)
            #expect(entry.outcome == (status < 400 ? .complete : .refused))
            let isKnown = key == reader && !uri.contains("%")
            #expect((entry.keyId?.hasPrefix("key_") ?? false) == isKnown, "\(uri)")
            #expect(entry.caller == (isKnown ? "a test" : nil))
            #expect(entry.address == "192.0.2.7")
            #expect(entry.time == fixture.time.now)
            #expect(entry.durationMs >= 0)
        }
        #expect(entries[0].bytesOut == 10)
        #expect(entries[0].provider == "alpha")
        #expect(entries[0].sessionId == "s9")
        #expect(entries[0].downloadId == fixture.id(of: download))
        #expect(entries[0].timings.auth != nil)
        #expect(entries[0].timings.limit != nil)
        #expect(entries[0].timings.cache != nil)
        #expect(entries[0].timings.upstream != nil)
        #expect(entries[0].timings.body != nil)
        #expect(entries[1].bytesOut == 0)
        #expect(entries[4].downloadId == nil)
    }

    @Test func anEntryHasEveryFieldOfTheContract() async throws {
        let fixture = try await GatewayFixture([])
        _ = try await fixture.send(.get, "/v1/providers", headers: [.userAgent: "tester/1.0", .requestID: "r-1"])
        let answer = try await fixture.send(.get, "/v1/logs")
        #expect(answer.headers[.cacheControl] == "no-store")
        let entry = try answer.json(expecting: .ok)["logs"].items.first { $0["requestId"] == "r-1" } ?? .null
        #expect(
            entry.members
                == [
                    "address", "bytesIn", "bytesOut", "caller", "code", "downloadId", "durationMs", "hash", "id",
                    "keyId", "method", "outcome", "path", "provider", "requestId", "route", "sessionId", "status",
                    "time", "timings", "userAgent",
                ]
        )
        #expect(entry["userAgent"] == "tester/1.0")
        #expect(entry["keyId"] == "admin")
        #expect(entry["time"] == "2027-01-15T08:00:00Z")
        #expect(entry["timings"].members == ["auth", "body", "cache", "limit", "upstream"])
    }

    @Test func whoIsNoAdminSeesOnlyItsOwn() async throws {
        let fixture = try await GatewayFixture([])
        let (mine, other) = (try await fixture.key([.read, .logs]), try await fixture.key([.read, .logs]))
        for key in [mine, other, other, GatewayFixture.adminKey] {
            _ = try await fixture.send(.get, "/v1/downloads", key: key)
        }
        let own = try await fixture.json("/v1/logs", key: mine)["logs"].items
        #expect(own.count == 1)
        let id = try #require(own.first?["keyId"].text)
        let others = try await fixture.json("/v1/logs", key: other)["logs"].items
        #expect(others.count == 2)
        #expect(!others.contains { $0["keyId"].text == id })
        // Naming another's key shows nothing of it.
        #expect(try await fixture.json("/v1/logs?key=\(id)", key: other)["logs"] == .array([]))
        #expect(try await fixture.json("/v1/logs?key=admin", key: other)["logs"] == .array([]))
        #expect(try await fixture.json("/v1/logs?key=\(id)")["logs"].items.count == 2)
        #expect(try await fixture.json("/v1/logs?limit=1000")["logs"].items.count > 6)
    }

    @Test func filters() async throws {
        let provider = try FakeProvider("alpha")
        let download = provider.add("x", in: "s9")
        let fixture = try await GatewayFixture([provider])
        _ = try await fixture.send(.get, fixture.path(of: download), headers: [.requestID: "content"])
        fixture.time.advance(60)
        _ = try await fixture.send(.get, "/v1/downloads?limit=0", headers: [.requestID: "bad"])
        _ = try await fixture.send(.delete, fixture.path(of: download), headers: [.requestID: "delete"])
        let id = fixture.id(of: download)
        for (query, ids) in [
            ("provider=alpha", ["delete", "content"]), ("downloadId=\(id)", ["delete", "content"]),
            ("sessionId=s9", ["delete", "content"]), ("status=4xx", ["bad"]), ("status=204", ["delete"]),
            ("method=delete", ["delete"]), ("code=INVALID_REQUEST", ["bad"]), ("requestId=bad", ["bad"]),
            ("until=2027-01-15T08:00:59Z", ["content"]), ("status=5xx", []),
            ("provider=alpha&status=2xx&method=GET", ["content"]),
        ] {
            let logs = try await fixture.json("/v1/logs?\(query)")["logs"].items
            #expect(logs.compactMap { $0["requestId"].text } == ids, "\(query)")
        }
    }

    @Test(arguments: [
        "limit=0", "limit=1001", "status=600", "status=4x", "since=x", "until=", "foo=1", "limit=1&limit=2",
    ])
    func refusesWhatIsNoFilter(_ query: String) async throws {
        let fixture = try await GatewayFixture([])
        let answer = try await fixture.send(.get, "/v1/logs?\(query)")
        #expect(answer.problemCode == "INVALID_REQUEST")
        #expect(answer.problemFields == [String(query.prefix { $0 != "=" })])
        #expect(try await fixture.send(.get, "/v1/logs?cursor=x").problemCode == "INVALID_CURSOR")
    }

    @Test func aCursorBelongsToItsQuestion() async throws {
        let fixture = try await GatewayFixture([])
        for _ in 0..<3 { _ = try await fixture.send(.get, "/healthz") }
        let first = try await fixture.json("/v1/logs?limit=1&status=2xx&method=GET")
        let cursor = try #require(first["nextCursor"].text)
        #expect(try await fixture.send(.get, "/v1/logs?method=GET&status=2xx&cursor=\(cursor)").status == .ok)
        let own = LogQuery.Cursor(id: 2).text
        for query in ["status=5xx&method=GET&cursor=\(cursor)", "cursor=\(cursor)", "cursor=\(own)"] {
            #expect(try await fixture.send(.get, "/v1/logs?\(query)").problemCode == "INVALID_CURSOR")
        }
    }

    @Test func pagesWithoutGapsWhileMoreIsLogged() async throws {
        let fixture = try await GatewayFixture([])
        for number in 0..<7 { _ = try await fixture.send(.get, "/healthz", headers: [.requestID: "r\(number)"]) }
        var ids: [String] = []
        var query = "?limit=3&code="
        query = "?limit=3&status=200&until=2027-01-15T08:00:00Z"
        var cursor: String?
        repeat {
            // Each page is itself a request that is logged; they come later than what is asked for.
            fixture.time.advance(1)
            let page = try await fixture.json("/v1/logs\(query)\(cursor.map { "&cursor=\($0)" } ?? "")")
            ids += page["logs"].items.compactMap { $0["requestId"].text }
            cursor = page["nextCursor"].text
        } while cursor != nil && ids.count < 20
        #expect(ids == (0..<7).reversed().map { "r\($0)" })
    }

    @Test func linesAndCSV() async throws {
        let fixture = try await GatewayFixture([])
        _ = try await fixture.send(.get, "/v1/providers", headers: [.userAgent: "=1+1,x", .requestID: "r1"])
        let lines = try await fixture.send(.get, "/v1/logs", headers: [.accept: "application/x-ndjson"])
        #expect(lines.headers[.contentType] == "application/x-ndjson")
        let first = try JSONDecoder().decode(JSONValue.self, from: Data(lines.text.utf8.prefix { $0 != 0x0A }))
        #expect(first["requestId"] == "r1")
        let csv = try await fixture.send(.get, "/v1/logs?requestId=r1", headers: [.accept: "text/csv"])
        #expect(csv.text.hasPrefix("id,time,requestId,"))
        #expect(csv.text.contains("\"'=1+1,x\""))
        #expect(try await fixture.send(.get, "/v1/logs", headers: [.accept: "text/html"]).status == .notAcceptable)
    }

    /// LiteLLM #24902 and #22188: keys in URLs and in traces.
    @Test func litellm_24902_noSecretReachesTheLog() async throws {
        let fixture = try await GatewayFixture([])
        let key = try await fixture.key([.read, .logs])
        let token = JWTForge.token(payload: JWTForge.payload())
        for uri in [
            "/v1/downloads?key=\(key)", "/v1/downloads?q=\(key)", "/v1/downloads?\(key)",
            "/v1/downloads?provider=\(key)",
            "/v1/downloads?token=\(token)", "/v1/downloads?cursor=\(token)", "/v1/\(key)", "/v1/downloads/\(key)",
            "/v1/keys/\(key)",
        ] {
            _ = try await fixture.send(.get, uri, key: key)
            _ = try await fixture.send(.get, uri, key: token)
        }
        let shown = try await fixture.send(.get, "/v1/logs?limit=1000").text
        for entry in try await fixture.log() { #expect(!"\(entry)".contains(key), "\(entry.path)") }
        #expect(!shown.contains(key))
        #expect(!shown.contains(token))
        #expect(!shown.contains(GatewayFixture.adminKey))
    }
}
