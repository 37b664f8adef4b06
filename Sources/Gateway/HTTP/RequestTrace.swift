// SPDX-License-Identifier: Apache-2.0

import Downloads
import HTTPTypes
import Tracing

/// The trace that a request belongs to, and its spans where somebody collects them.
///
/// Without a tracer it is a text that is passed on, and costs next to nothing.
struct RequestTrace: Sendable {
    /// What upstreams are told.
    let context: TraceContext
    private let tracer: (any Tracer)?
    private let span: (any Tracing.Span)?

    /// Goes on with the trace that `headers` name, where that is well-formed; else begins one.
    init(_ headers: HTTPFields, requestID: String, name: @autoclosure () -> String, tracer: (any Tracer)?) {
        let given = headers[.traceparent] == nil ? nil : TraceContext(traceparent: headers[values: .traceparent])
        self.tracer = tracer
        guard let tracer else {
            self.span = nil
            self.context = given ?? TraceContext(beginningWith: requestID)
            return
        }
        var parent = InstrumentationContext.topLevel
        if given != nil { tracer.extract(headers, into: &parent, using: FieldCarrier()) }
        let span = tracer.startSpan(name(), context: parent, ofKind: .server)
        self.span = span
        var carrier = HTTPFields()
        tracer.inject(span.context, into: &carrier, using: FieldCarrier())
        // A tracer that speaks another language than the standard's has its own way to go on.
        let passedOn = TraceContext(traceparent: carrier[values: .traceparent])
        self.context = passedOn ?? given ?? TraceContext(beginningWith: requestID)
    }

    /// Begins the span of a part of the work; `nil` where nobody collects it.
    func begin(_ part: String) -> (any Tracing.Span)? {
        guard let tracer, let span else { return nil }
        return tracer.startSpan(part, context: span.context, ofKind: part == "upstream" ? .client : .internal)
    }

    /// Ends the request's span with what became of it.
    func end(_ entry: LogEntry) {
        guard let span else { return }
        span.attributes["http.request.method"] = entry.method
        span.attributes["http.response.status_code"] = entry.status
        span.attributes["sluice.outcome"] = entry.outcome.rawValue
        span.attributes["sluice.request_id"] = entry.requestId
        if let route = entry.route { span.attributes["http.route"] = route }
        if let provider = entry.provider { span.attributes["sluice.provider"] = provider }
        if let code = entry.code { span.attributes["error.type"] = code }
        if entry.outcome == .failed || entry.outcome == .upstreamCut {
            span.setStatus(SpanStatus(code: .error, message: entry.code))
        }
        span.end()
    }
}

/// Carries a trace in the fields of a request.
private struct FieldCarrier: Extractor, Injector {
    func extract(key: String, from fields: HTTPFields) -> String? { HTTPField.Name(key).flatMap { fields[$0] } }

    func inject(_ value: String, forKey key: String, into fields: inout HTTPFields) {
        if let name = HTTPField.Name(key) { fields[name] = value }
    }
}
