// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import InMemoryTracing
import NIOCore
import Synchronization
import Testing
import Tracing

@testable import Gateway

@Suite struct RequestTraceTests {
    private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let given = "00-\(traceID)-00f067aa0ba902b7-01"

    // MARK: What comes in

    @Test func wellFormedParentsAreTaken() throws {
        for (text, flags) in [
            (Self.given, "01"), ("00-\(Self.traceID)-00f067aa0ba902b7-00", "00"),
            ("00-\(Self.traceID)-00f067aa0ba902b7-ff", "03"), ("01-\(Self.traceID)-00f067aa0ba902b7-01", "01"),
            ("cc-\(Self.traceID)-00f067aa0ba902b7-01-what-is-to-come", "01"),
        ] {
            let trace = try #require(TraceContext(traceparent: [text]), "\(text)")
            #expect(trace.isGiven && trace.traceID == Self.traceID)
            #expect(trace.traceparent(span: 0xab) == "00-\(Self.traceID)-00000000000000ab-\(flags)")
        }
    }

    @Test(arguments: [
        "", "00", "00-\(traceID)-00f067aa0ba902b7", "00-\(traceID)-00f067aa0ba902b7-01-",
        "00-\(traceID)-00f067aa0ba902b7-01x",
        "ff-\(traceID)-00f067aa0ba902b7-01", "0g-\(traceID)-00f067aa0ba902b7-01", "00-\(traceID)-0000000000000000-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00_\(traceID)-00f067aa0ba902b7-01", "00-\(traceID)_00f067aa0ba902b7-01", "00-\(traceID)-00f067aa0ba902b7_01",
        "00-\(traceID)-00f067aa0ba902b7-0", "00-\(traceID)-00f067aa0ba902b7-0x", "01-\(traceID)-00f067aa0ba902b7-01x",
        " 00-\(traceID)-00f067aa0ba902b7-01", "00-\(traceID.dropLast())é-00f067aa0ba902b7-01",
        "00-\(traceID)-00f067aa0ba902b7-+1",
    ])
    func malformedParentsAreNot(_ text: String) { #expect(TraceContext(traceparent: [text]) == nil) }

    @Test func severalParentsAreNone() {
        #expect(TraceContext(traceparent: [Self.given, Self.given]) == nil)
        #expect(TraceContext(traceparent: []) == nil)
    }

    @Test func aTraceThatBeginsHereIsNamedAfterTheRequest() throws {
        let trace = TraceContext(beginningWith: "a4f392ed-b20f-4496-a366-ffd8f972d2f1")
        #expect(!trace.isGiven && trace.traceID == "a4f392edb20f4496a366ffd8f972d2f1")
        for seed in ["x", "", "00000000-0000-0000-0000-000000000000", "A4F392ED-b20f-4496-a366-ffd8f972d2f1"] {
            let trace = TraceContext(beginningWith: seed)
            let text = trace.traceparent()
            #expect(TraceContext(traceparent: [text])?.traceID == trace.traceID, "\(seed): \(text)")
            #expect(text.hasSuffix("-00"))
        }
        #expect(TraceContext(beginningWith: "x").traceID != TraceContext(beginningWith: "y").traceID)
    }

    // MARK: What goes on

    /// The trace that the provider's call was made in.
    private func traceOfACall(_ headers: HTTPFields, tracer: (any Tracer)? = nil) async throws -> TraceContext? {
        let seen = Mutex<TraceContext?>(nil)
        let provider = try FakeProvider("alpha")
        let download = provider.add("report.pdf")
        provider.script { script in
            script.content = { _, _ in
                seen.withLock { $0 = TraceContext.current }
                return Content(length: 10, body: ContentBody(.init(string: "0123456789")))
            }
        }
        let fixture = try await GatewayFixture([provider], tracer: tracer)
        _ = try? await fixture.send(.get, fixture.path(of: download), headers: headers)
        return seen.withLock { $0 }
    }

    @Test func theCallersTraceReachesTheProvider() async throws {
        let trace = try #require(try await self.traceOfACall([.traceparent: Self.given]))
        #expect(trace.traceID == Self.traceID)
        let request = HTTPFields([.init(name: .requestID, value: "a4f392ed-b20f-4496-a366-ffd8f972d2f1")])
        let begun = try #require(try await self.traceOfACall(request))
        #expect(begun.traceID == "a4f392edb20f4496a366ffd8f972d2f1")
        let bad = try #require(try await self.traceOfACall([.traceparent: Self.given + "-x"]))
        #expect(!bad.isGiven && bad.traceID != Self.traceID)
    }

    // MARK: Spans

    @Test func eachPartOfTheWorkHasItsSpan() async throws {
        let tracer = InMemoryTracer()
        let trace = try #require(try await self.traceOfACall([.traceparent: Self.given], tracer: tracer))
        // This tracer has its own way to go on; the standard's trace is passed on all the same.
        #expect(trace.traceID == Self.traceID)
        let spans = tracer.finishedSpans
        #expect(spans.map(\.operationName) == ["auth", "limit", "cache", "upstream", "GET /v1/downloads/{id}"])
        let whole = try #require(spans.last)
        #expect(Set(spans.map(\.spanContext.traceID)).count == 1)
        #expect(spans.dropLast().allSatisfy { $0.spanContext.parentSpanID == whole.spanContext.spanID })
        #expect(
            whole.attributes.get("http.response.status_code") == .int32(200)
                || whole.attributes.get("http.response.status_code") == .int64(200)
        )
        #expect(whole.attributes.get("http.route") == .string("/v1/downloads/{id}"))
        #expect(whole.attributes.get("sluice.provider") == .string("alpha"))
        #expect(tracer.activeSpans.isEmpty)
    }
}
