// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A vendor's answer to a request that it refuses.
struct Refusal: Error {
    var response: SimulatedResponse

    init(_ response: SimulatedResponse) { self.response = response }
}

/// One path of a vendor's API; `*` stands for one part, and is handed over decoded.
struct Route: Sendable {
    typealias Handler = @Sendable (SimulatedRequest, [String]) throws -> SimulatedResponse

    let method: String
    let pattern: [String]
    let handler: Handler

    init(_ method: String, _ pattern: String, _ handler: @escaping Handler) {
        self.method = method
        self.pattern = pattern.dropFirst().split(separator: "/").map(String.init)
        self.handler = handler
    }

    func match(_ segments: [String]) -> [String]? {
        guard segments.count == self.pattern.count else { return nil }
        var wildcards: [String] = []
        for (part, segment) in zip(self.pattern, segments) {
            if part == "*" && !segment.isEmpty {
                wildcards.append(segment)
            } else if part != segment {
                return nil
            }
        }
        return wildcards
    }
}

/// All paths of a vendor's API, and how it refuses the rest.
struct Routes: Sendable {
    var routes: [Route]
    /// Makes the vendor's error body.
    var refuse: @Sendable (_ status: Int, _ message: String) -> SimulatedResponse

    func answer(_ request: SimulatedRequest) -> SimulatedResponse {
        let segments = request.segments
        var isKnown = false
        do {
            for route in self.routes {
                guard let wildcards = route.match(segments) else { continue }
                isKnown = true
                if route.method == request.method { return try route.handler(request, wildcards) }
            }
            return isKnown ? self.refuse(405, "Method not allowed") : self.refuse(404, "Route not found")
        } catch let refusal as Refusal {
            return refusal.response
        } catch {
            return self.refuse(500, "The simulator failed: \(error)")
        }
    }
}

/// Reads a query as strictly as the vendor does; every fault throws the vendor's refusal.
struct StrictQuery {
    private let request: SimulatedRequest
    private let refuse: (String) -> SimulatedResponse

    /// Refuses names that are not in `known`, and names that come twice.
    init(
        _ request: SimulatedRequest,
        only known: Set<String>,
        _ refuse: @escaping (String) -> SimulatedResponse
    ) throws {
        self.request = request
        self.refuse = refuse
        var seen: Set<String> = []
        for item in request.query {
            guard known.contains(item.name) else { throw Refusal(refuse("unknown parameter \(item.name)")) }
            guard seen.insert(item.name).inserted else { throw Refusal(refuse("parameter \(item.name) given twice")) }
        }
    }

    func text(_ name: String) -> String? { self.request.value(name) }

    func required(_ name: String) throws -> String {
        guard let value = self.text(name), !value.isEmpty else { throw Refusal(self.refuse("\(name) is required")) }
        return value
    }

    func integer(_ name: String, _ allowed: ClosedRange<Int64>, default value: Int64) throws -> Int64 {
        try self.integer(name, allowed) ?? value
    }

    func integer(_ name: String, _ allowed: ClosedRange<Int64> = 0...(.max)) throws -> Int64? {
        guard let text = self.text(name) else { return nil }
        guard let value = Int64(text), allowed.contains(value) else {
            throw Refusal(self.refuse("\(name) must be an integer from \(allowed.lowerBound) to \(allowed.upperBound)"))
        }
        return value
    }

    func flag(_ name: String, default value: Bool) throws -> Bool {
        guard let text = self.text(name) else { return value }
        guard text == "true" || text == "false" else { throw Refusal(self.refuse("\(name) must be true or false")) }
        return text == "true"
    }

    func date(_ name: String) throws -> Date? {
        guard let text = self.text(name) else { return nil }
        guard let date = Date(iso8601: text) else { throw Refusal(self.refuse("\(name) must be an ISO 8601 time")) }
        return date
    }

    func word(_ name: String, _ allowed: [String]) throws -> String? {
        guard let text = self.text(name) else { return nil }
        guard allowed.contains(text) else { throw Refusal(self.refuse("\(name) must be one of \(allowed)")) }
        return text
    }
}

extension Array {
    /// A page by offset.
    func page(offset: Int64, limit: Int64) -> [Element] {
        Array(
            self.dropFirst(Int(Swift.min(offset, Int64(self.count)))).prefix(Int(Swift.min(limit, Int64(self.count))))
        )
    }
}
