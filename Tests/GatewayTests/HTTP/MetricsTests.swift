// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct MetricsTests {
    private static let classic = "text/plain; version=0.0.4; charset=utf-8"

    private func scrape(_ fixture: GatewayFixture) async throws -> OpenMetricsReader {
        let answer = try await fixture.send(.get, "/metrics")
        #expect(answer.status == .ok)
        return OpenMetricsReader(answer.text)
    }

    private func fixture(
        _ configure: (inout Gateway.Configuration) -> Void = { _ in }
    ) async throws -> (
        GatewayFixture, path: String
    ) {
        let provider = try FakeProvider("alpha")
        let download = provider.add("report.pdf")
        let fixture = try await GatewayFixture([provider], unconfigured: ["beta"], configure: configure)
        return (fixture, fixture.path(of: download))
    }

    // MARK: The form

    @Test func theTextIsStrictOpenMetrics() async throws {
        let (fixture, path) = try await self.fixture()
        _ = try await fixture.send(.get, path)
        _ = try await fixture.send(.get, "/v1/downloads?limit=0")
        let answer = try await fixture.send(.get, "/metrics")
        #expect(
            answer.headers[.contentType] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
                && answer.headers[.cacheControl] == "no-store"
        )
        let metrics = OpenMetricsReader(answer.text)
        #expect(metrics.faults == [])
        #expect(metrics.types.count > 25)
        #expect(answer.text.contains("# UNIT process_resident_memory_bytes bytes\n"))
        #expect(answer.text.contains("# UNIT sluice_request_duration_seconds seconds\n"))
    }

    @Test func theReaderNoticesWhatIsWrong() {
        let good =
            "# HELP a_bytes A.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total{x=\"\\\"\\\\\\n\"} 1\n# EOF\n"
        let read = OpenMetricsReader(good)
        #expect(read.faults == [] && read.value("a_bytes_total", ["x": "\"\\\n"]) == 1)
        for (part, wrong) in [
            ("# EOF\n", ""), ("# EOF\n", "# EOF"), ("a_bytes_total{", "a_bytes{"), ("counter", "total"),
            (" 1\n", " -1\n"), (" 1\n", " NaN\n"), (" 1\n", " 1\n\n"), ("UNIT a_bytes bytes", "UNIT a_bytes seconds"),
            ("\\n\"", "\\t\""), ("{x", "{x=\"\",x"), ("# TYPE a_bytes counter\n", ""), ("A.", ""), ("{x", "{0x"),
            ("# EOF", "a_bytes_total{x=\"\\\"\\\\\\n\"} 1\n# EOF"), ("# EOF", "# HELP a_bytes B.\n# EOF"),
        ] {
            #expect(OpenMetricsReader(good.replacing(part, with: wrong)).faults != [], "\(part) → \(wrong)")
        }
        let histogram =
            "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n# EOF\n"
        #expect(OpenMetricsReader(histogram).faults == [])
        for (part, wrong) in [
            ("h_count 2", "h_count 3"), ("h_bucket{le=\"+Inf\"} 2\n", ""), ("\"1.0\"} 1", "\"1.0\"} 5"),
            ("h_sum 3\n", ""),
        ] {
            #expect(OpenMetricsReader(histogram.replacing(part, with: wrong)).faults != [], "\(part) → \(wrong)")
        }
    }

    @Test func theOlderFormHasItsOwnNames() async throws {
        let (fixture, _) = try await self.fixture()
        let answer = try await fixture.send(.get, "/metrics", headers: [.accept: "text/plain;version=0.0.4"])
        #expect(answer.headers[.contentType] == Self.classic)
        #expect(answer.text.contains("# TYPE sluice_problems_total counter\n"))
        #expect(!answer.text.contains("# EOF") && !answer.text.contains("# UNIT"))
        let prometheus =
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        let asked = try await fixture.send(.get, "/metrics", headers: [.accept: prometheus])
        #expect(asked.headers[.contentType]?.hasPrefix("application/openmetrics-text; version=1.0.0") == true)
        let refused = try await fixture.send(.get, "/metrics", headers: [.accept: "application/json"])
        #expect(refused.problemCode == "NOT_ACCEPTABLE")
        #expect(try await fixture.send(.get, "/metrics?x=1").problemCode == "INVALID_REQUEST")
    }

    @Test func textsAreEscaped() {
        var text = MetricsText(.openMetrics)
        text.family("a", .gauge, "Say \"x\\y\".\nEnd")
        text.sample(1.5, ["b": "\"\\\n", "c": "é"])
        #expect(
            text.finished
                == "# HELP a Say \\\"x\\\\y\\\".\\nEnd\n# TYPE a gauge\na{b=\"\\\"\\\\\\n\",c=\"é\"} 1.5\n# EOF\n"
        )
        #expect(OpenMetricsReader(text.finished).value("a", ["b": "\"\\\n", "c": "é"]) == 1.5)
    }

    // MARK: Who may read it

    @Test func itTakesAKeyOfItsOwnScope() async throws {
        let (fixture, _) = try await self.fixture()
        #expect(try await fixture.send(.get, "/metrics", key: nil).problemCode == "UNAUTHENTICATED")
        let without = try await fixture.key(Set(Scope.allCases).subtracting([.metrics, .admin]))
        #expect(try await fixture.send(.get, "/metrics", key: without).problemCode == "INSUFFICIENT_SCOPE")
        let with = try await fixture.key([.metrics])
        #expect(try await fixture.send(.get, "/metrics", key: with).status == .ok)
        #expect(try await fixture.send(.get, "/v1/downloads", key: with).problemCode == "INSUFFICIENT_SCOPE")
    }

    @Test func itIsForAnybodyWhereTheOperatorSaysSo() async throws {
        let (fixture, _) = try await self.fixture { $0.openMetrics = true }
        #expect(try await fixture.send(.get, "/metrics", key: nil).status == .ok)
        #expect(try await fixture.send(.post, "/metrics", key: nil).status == .methodNotAllowed)
        #expect(try await fixture.send(.get, "/metrics/x", key: nil).status == .unauthorized)
    }

    // MARK: What it says

    @Test func requestsAreCountedByRouteOutcomeAndProvider() async throws {
        let (fixture, path) = try await self.fixture()
        for _ in 0..<3 { _ = try await fixture.send(.get, path) }
        _ = try await fixture.send(.get, "/v1/downloads?limit=0")
        _ = try await fixture.send(.get, "/v1/downloads", key: nil)
        _ = try await fixture.send(.get, "/a/path/that/is/not/there")
        let metrics = try await self.scrape(fixture)
        let route = ["method": "GET", "route": "/v1/downloads/{id}"]
        let complete = route.merging(["status": "2xx", "outcome": "complete"]) { $1 }
        #expect(metrics.value("sluice_requests_total", complete) == 3)
        #expect(metrics.value("sluice_request_duration_seconds_count", route) == 3)
        #expect(metrics.value("sluice_response_body_bytes_total", route) == 30)
        let list = ["method": "GET", "route": "/v1/downloads", "status": "4xx", "outcome": "refused"]
        #expect(metrics.value("sluice_requests_total", list) == 2)
        let unknown = ["method": "any", "route": "none", "status": "4xx", "outcome": "refused"]
        #expect(metrics.value("sluice_requests_total", unknown) == 1)
        #expect(metrics.value("sluice_problems_total", ["code": "UNAUTHENTICATED"]) == 1)
        #expect(metrics.value("sluice_problems_total", ["code": "NOT_FOUND"]) == 1)
        #expect(metrics.value("sluice_problems_total", ["code": "OVERLOADED"]) == 0)
        #expect(metrics.value("sluice_provider_requests_total", ["provider": "alpha", "outcome": "complete"]) == 3)
        #expect(metrics.value("sluice_provider_response_body_bytes_total", ["provider": "alpha"]) == 30)
        #expect(metrics.value("sluice_provider_state", ["provider": "alpha", "state": "ok"]) == 1)
        #expect(metrics.value("sluice_provider_state", ["provider": "beta", "state": "unconfigured"]) == 1)
        #expect(metrics.value("sluice_provider_state", ["provider": "beta", "state": "ok"]) == 0)
        #expect(metrics.value("sluice_request_phase_seconds_count", ["phase": "upstream"]) == 3)
        #expect(metrics.value("sluice_requests_in_flight") == 1, "the one that asks")
        #expect(metrics.value("sluice_build_info", ["version": GatewayVersion.current]) == 1)
    }

    @Test func noTextOfACallerIsALabel() async throws {
        let (fixture, path) = try await self.fixture()
        let before = try await self.scrape(fixture).values.count
        for number in 0..<20 {
            let key = try await fixture.key([.read])
            _ = try await fixture.send(.get, "\(path)?secret-\(number)=\(number)", key: key)
            _ = try await fixture.send(.get, "/secret-\(number)", key: key)
            _ = try await fixture.send(.get, "/v1/downloads?provider=secret-\(number)", key: key)
            _ = try await fixture.send(.get, "/v1/downloads/dl_secret\(number)", key: "slc_secret")
            let method = try #require(HTTPRequest.Method("SECRET\(number)"))
            _ = try await fixture.send(method, "/v1/downloads", headers: [.userAgent: "secret", .requestID: "secret"])
        }
        let answer = try await fixture.send(.get, "/metrics")
        #expect(!answer.text.lowercased().contains("secret"))
        // One series for each way to end of a route, whoever asked and whatever they wrote.
        #expect(OpenMetricsReader(answer.text).values.count < before + 200)
    }

    @Test func limitsListsAndLogAreCounted() async throws {
        let (fixture, _) = try await self.fixture()
        let key = try await fixture.key(limits: RateLimitPolicy(requests: RequestRate("1/day"), burst: 1))
        let first = try await fixture.send(.get, "/v1/downloads?sessionId=s1", key: key)
        #expect(first.status == .ok)
        #expect(try await fixture.send(.get, "/v1/downloads", key: key).problemCode == "RATE_LIMITED")
        _ = try await fixture.send(.get, "/v1/downloads?sessionId=s1")
        let metrics = try await self.scrape(fixture)
        #expect(metrics.value("sluice_limiter_refusals_total", ["limit": "requests"]) == 1)
        #expect(metrics.value("sluice_limiter_refusals_total", ["limit": "bytes"]) == 0)
        #expect(try #require(metrics.value("sluice_limiter_callers")) >= 1)
        #expect(metrics.value("sluice_list_sources_total", ["state": "fresh"]) == 1)
        #expect(metrics.value("sluice_list_sources_total", ["state": "cached"]) == 1)
        #expect(metrics.value("sluice_list_sources_total", ["state": "skipped"]) == 2)
        #expect(metrics.value("sluice_catalogue_entries", ["kind": "listings"]) == 1)
        #expect(metrics.value("sluice_log_entries_total") == 3)
        #expect(metrics.value("sluice_log_queued") == 3)
        #expect(metrics.value("sluice_log_dropped_total") == 0)
        #expect(try #require(metrics.value("process_resident_memory_bytes")) > 1e6)
        #expect(try #require(metrics.value("process_open_fds")) > 3)
        #expect(try #require(metrics.value("process_max_fds")) > 3)
        #expect(try #require(metrics.value("process_start_time_seconds")) > 1e9)
    }

    @Test func durationsFallIntoTheirBuckets() {
        let buckets = DurationBuckets()
        for seconds in [0, 0.001, 0.0011, 0.3, 10_000, -1] { buckets.add(seconds: seconds) }
        let counts = buckets.snapshot.counts
        #expect(counts.count == DurationBuckets.bounds.count + 1)
        #expect(counts[0] == 3 && counts[1] == 4 && counts[DurationBuckets.bounds.count - 1] == 5)
        #expect(counts.last == 6)
        #expect(abs(buckets.snapshot.sum - 10_000.3021) < 1e-6)
    }

    /// What an operator's dashboard and alerts ask for must be there, or they are blank for ever.
    @Test(arguments: ["grafana.json", "alerts.yaml"])
    func everyNameInTheMonitoringFilesIsExported(_ name: String) async throws {
        let (fixture, path) = try await self.fixture()
        _ = try await fixture.send(.get, path)
        let exported = try await self.scrape(fixture).names
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let file = root.appendingPathComponent("deploy/monitoring/\(name)")
        let text = try String(contentsOf: file, encoding: .utf8)
        let asked = Set(text.matches(of: /\b(?:sluice|process)_[a-z_]+/).map { String($0.output) })
        #expect(asked.count > 4)
        #expect(asked.subtracting(exported) == [])
        if name.hasSuffix(".json") { _ = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }
    }

    // MARK: Server-Timing

    @Test func everyAnswerSaysWhereItsTimeWent() async throws {
        let (fixture, path) = try await self.fixture()
        func parts(_ answer: Answer) throws -> [String] {
            let field = try #require(answer.headers[.serverTiming])
            return field.split(separator: ", ").compactMap { part in
                let words = part.split(separator: ";dur=")
                return words.count == 2 && Double(words[1]) != nil ? String(words[0]) : "? \(part)"
            }
        }
        let body = try await fixture.send(.get, path)
        #expect(try parts(body) == ["auth", "limit", "cache", "upstream", "total"])
        let list = try await fixture.send(.get, "/v1/downloads?sessionId=s1")
        #expect(try parts(list) == ["auth", "limit", "upstream", "total"])
        let known = try await fixture.send(.get, "/v1/downloads?sessionId=s1")
        #expect(try parts(known) == ["auth", "limit", "cache", "total"])
        #expect(try parts(try await fixture.send(.get, "/healthz", key: nil)) == ["total"])
        let refused = try await fixture.send(.get, "/v1/downloads", key: nil)
        #expect(refused.status == .unauthorized && refused.headers[.serverTiming] == nil)
        #expect(try parts(try await fixture.send(.get, "/nothing")) == ["auth", "limit", "total"])
    }

    @Test func timesAreDecimalsOfMilliseconds() {
        let text = ServerTiming.text([("a", 0), ("b", 1.0005), ("c", 12_345.6789), ("d", -1), ("e", .infinity)])
        #expect(text == "a;dur=0.000, b;dur=1.000, c;dur=12345.678, d;dur=0.000, e;dur=1000000000000.000")
    }
}
