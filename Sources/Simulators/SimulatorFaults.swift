// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// What can go wrong with one answer.
public enum SimulatorFault: Hashable, Sendable {
    /// Another answer than the right one; the request has no effect.
    case answer(status: Int, headers: [String: String] = [:], body: String = "")
    /// The first half of the right answer's bytes, as if it were all.
    case truncateJSON
    /// Nothing, until the peer leaves.
    case stallBeforeHead
    /// The right answer, late.
    case delayHead(Duration)
    /// The head and the first bytes, then nothing until the peer leaves.
    case stall(afterBytes: Int64)
    /// The right answer, with a pause before every piece of its body.
    case pace(Duration)
    /// RST instead of a head.
    case resetBeforeHead
    /// RST in the body.
    case reset(afterBytes: Int64)
    /// FIN in the body, although `Content-Length` promised more.
    case cut(afterBytes: Int64)
    /// More bytes than the file has, with a `Content-Length` that says so.
    case lengthen(byBytes: Int64)
    /// Fewer bytes than the file has, with a `Content-Length` that says so.
    case shorten(byBytes: Int64)
    /// One byte of the file is another, where the answer has so many.
    case flip(byte: Int64)
    /// The right answer to the same request without `Range`.
    case ignoreRange
    /// RST in the request's body: no answer.
    case cutRequest(afterBytes: Int)
    /// Chunks instead of a `Content-Length`; with a number, a FIN after so many bytes and without the last chunk.
    case chunked(cutAfterBytes: Int64? = nil)

    /// HTML with status 200, as a proxy or a captive portal answers.
    public static var html: SimulatorFault {
        .answer(
            status: 200,
            headers: ["Content-Type": "text/html; charset=utf-8"],
            body: "<!doctype html><html><body><h1>Just a moment...</h1></body></html>"
        )
    }

    /// Well-formed JSON of a form that the vendor never sends.
    public static func wrongTypes(_ body: String) -> SimulatorFault {
        .answer(status: 200, headers: ["Content-Type": "application/json"], body: body)
    }

    /// A refusal with a body that no vendor promises.
    public static func status(_ status: Int, headers: [String: String] = [:]) -> SimulatorFault {
        var headers = headers
        headers["Content-Type"] = "application/json"
        return .answer(status: status, headers: headers, body: #"{"message":"simulated \#(status)"}"#)
    }
}

extension SimulatorFault {
    fileprivate var isCut: Bool { if case .cutRequest = self { true } else { false } }
}

/// Faults in a queue, taken by count and never by chance.
public final class SimulatorFaults: Sendable {
    /// Whether a fault is for a request.
    public typealias Filter = @Sendable (SimulatedRequest) -> Bool

    private struct Entry {
        var fault: SimulatorFault
        var left: Int
        var matches: Filter
    }

    private let entries = NIOLockedValueBox<[Entry]>([])

    init() {}

    /// Lets the next `times` requests that `matches` accepts end in `fault`; earlier entries come first.
    public func add(_ fault: SimulatorFault, times: Int = 1, where matches: @escaping Filter = { _ in true }) {
        self.entries.withLockedValue { $0.append(Entry(fault: fault, left: times, matches: matches)) }
    }

    /// Forgets what has not happened yet.
    public func clear() { self.entries.withLockedValue { $0 = [] } }

    /// How many faults have not happened yet.
    public var pending: Int { self.entries.withLockedValue { $0.reduce(0) { $0 + $1.left } } }

    /// After how many bytes of its body a request is to be cut, of which the head is there; `nil`: not at all.
    func takeCut(for request: SimulatedRequest) -> Int? {
        guard case .cutRequest(let bytes) = self.take(for: request, isCut: true) else { return nil }
        return bytes
    }

    func take(for request: SimulatedRequest, isCut: Bool = false) -> SimulatorFault? {
        self.entries.withLockedValue { entries in
            let next = entries.firstIndex { $0.fault.isCut == isCut && $0.matches(request) }
            guard let index = next else { return nil }
            entries[index].left -= 1
            let fault = entries[index].fault
            if entries[index].left <= 0 { entries.remove(at: index) }
            return fault
        }
    }
}
