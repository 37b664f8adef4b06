// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes
import NIOConcurrencyHelpers
public import NIOCore

/// A request that a simulator saw, and how far its answer came.
public struct SimulatedRequest: Sendable {
    /// How an answer ended.
    public enum End: Sendable {
        /// Every byte was handed to the connection.
        case complete
        /// The peer closed first.
        case peerLeft
        /// A fault broke it.
        case broken
    }

    /// The method.
    public let method: String
    /// The path as it came, still percent-encoded, without the query.
    public let path: String
    /// The query as it came, without the question mark.
    public let rawQuery: String
    /// The decoded query.
    public let query: [QueryItem]
    /// The header fields.
    public private(set) var headers: HTTPFields
    /// The body.
    public let body: ByteBuffer
    /// Whether the body came to its end.
    public let isWhole: Bool
    /// Body bytes of the answer that the connection has taken so far.
    public internal(set) var pushedBytes: Int64 = 0
    /// How the answer ended; `nil` while it is given.
    public internal(set) var end: End?

    /// One decoded name and value.
    public struct QueryItem: Hashable, Sendable {
        /// The name.
        public var name: String
        /// The value; empty without `=`.
        public var value: String
    }

    init(_ head: HTTPRequest, body: ByteBuffer, isWhole: Bool = true) {
        let target = head.path ?? "/"
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.method = head.method.rawValue
        self.path = String(parts[0])
        self.rawQuery = parts.count > 1 ? String(parts[1]) : ""
        self.query = self.rawQuery.split(separator: "&").map { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return QueryItem(
                name: String(sides[0]).formDecoded,
                value: sides.count > 1 ? String(sides[1]).formDecoded : ""
            )
        }
        var headers = head.headerFields
        if let authority = head.authority, let name = HTTPField.Name("Host") { headers[name] = authority }
        self.headers = headers
        self.body = body
        self.isWhole = isWhole
    }

    /// The parts of the path between slashes, decoded; an empty part stays.
    public var segments: [String] {
        self.path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { String($0).percentDecoded }
    }

    /// The value of a query item.
    public func value(_ name: String) -> String? { self.query.first { $0.name == name }?.value }

    /// The value of a header field.
    public func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { self.headers[$0] } }

    /// The same request without a header field.
    func without(_ name: String) -> SimulatedRequest {
        var request = self
        if let name = HTTPField.Name(name) { request.headers[name] = nil }
        return request
    }

    /// Where the peer thinks that it is.
    var origin: String { "http://" + (self.header("Host") ?? "127.0.0.1") }
}

/// Every request of a listener.
final class RequestLog: Sendable {
    private struct State {
        var requests: [SimulatedRequest] = []
        var cleared = 0
    }

    private let state = NIOLockedValueBox(State())

    var requests: [SimulatedRequest] { self.state.withLockedValue { $0.requests } }

    func clear() {
        self.state.withLockedValue {
            $0.cleared += $0.requests.count
            $0.requests = []
        }
    }

    func begin(_ request: SimulatedRequest) -> Int {
        self.state.withLockedValue {
            $0.requests.append(request)
            return $0.requests.count - 1 + $0.cleared
        }
    }

    func pushed(_ number: Int, _ bytes: Int64) { self.update(number) { $0.pushedBytes += bytes } }
    func end(_ number: Int, as end: SimulatedRequest.End) { self.update(number) { $0.end = $0.end ?? end } }

    private func update(_ number: Int, _ change: (inout SimulatedRequest) -> Void) {
        self.state.withLockedValue { state in
            let index = number - state.cleared
            if state.requests.indices.contains(index) { change(&state.requests[index]) }
        }
    }
}

extension String {
    /// With `%41` and, as forms write it, `+` for a space.
    fileprivate var formDecoded: String { self.replacing("+", with: " ").percentDecoded }
}
