// SPDX-License-Identifier: Apache-2.0

public import Downloads
public import Foundation

/// Which log entries are wanted; every field that is set must match.
public struct LogQuery: Hashable, Sendable {
    /// A status, or all that begin with its first digit.
    public enum Status: Hashable, Sendable {
        /// One status.
        case exact(Int)
        /// `4xx` is family 4.
        case family(Int)

        /// Reads `404` or `4xx`; anything else is `nil`.
        public init?(_ text: String) {
            let first = text.utf8.first.map { Int($0) - 0x30 } ?? 0
            guard text.utf8.count == 3, (1...5).contains(first) else { return nil }
            if text.dropFirst().lowercased() == "xx" {
                self = .family(first)
            } else if let status = Int(text), (100...599).contains(status) {
                self = .exact(status)
            } else {
                return nil
            }
        }

        /// The statuses that it stands for.
        var range: ClosedRange<Int> {
            switch self {
            case .exact(let status): status...status
            case .family(let digit): (digit * 100)...(digit * 100 + 99)
            }
        }
    }

    /// Where an earlier page ended; it stays valid whatever is logged meanwhile.
    public struct Cursor: Hashable, Sendable {
        let id: Int64

        init(id: Int64) { self.id = id }

        /// Reads the text of a cursor; `nil` where it is none of ours.
        public init?(_ text: String) {
            guard text.utf8.count <= 64, let bytes = Base64URL.decode(text.utf8),
                let plain = String(validating: bytes, as: UTF8.self), plain.hasPrefix("log:"),
                let id = Int64(plain.dropFirst(4)), id > 0, plain == "log:\(id)"
            else { return nil }
            self.id = id
        }

        /// What callers hand back.
        public var text: String { Base64URL.encode("log:\(self.id)".utf8) }
    }

    /// Why query parameters are no query.
    public enum Refusal: Error, Hashable, Sendable {
        /// The cursor is none of ours (`INVALID_CURSOR`).
        case cursor
        /// What is wrong with which parameter (`INVALID_REQUEST`).
        case parameters([FieldProblem])
    }

    /// Of this caller (``Caller/id``).
    public var key: String?
    /// About this provider.
    public var provider: String?
    /// About this download.
    public var downloadId: String?
    /// About this session.
    public var sessionId: String?
    /// With this method, in upper case.
    public var method: String?
    /// With this status.
    public var status: Status?
    /// With this problem.
    public var code: String?
    /// The request with this id.
    public var requestId: String?
    /// At this time or later.
    public var since: Date?
    /// At this time or before.
    public var until: Date?
    /// At most so many, 1–1000.
    public var limit: Int
    /// Older than where that page ended.
    public var cursor: Cursor?

    /// The bounds of ``limit``.
    public static let limits = 1...1000

    /// Creates a query for the newest 100 entries of all.
    public init() { self.limit = 100 }
}

extension LogQuery {
    /// Reads the decoded parameters of `GET /v1/logs`; an unknown name, an empty value and one given twice are refused.
    public init(parameters: [(name: String, value: String)]) throws(Refusal) {
        self.init()
        var problems: [FieldProblem] = []
        var seen: Set<String> = []
        for (name, value) in parameters {
            let problem: String?
            if !seen.insert(name).inserted {
                problem = "stands more than once"
            } else if value.isEmpty || value.utf8.count > 1024 {
                problem = "must have 1–1024 bytes"
            } else {
                problem = try self.read(name, value)
            }
            guard let problem else { continue }
            problems.append(FieldProblem(field: String(name.prefix(100)), message: problem))
        }
        guard problems.isEmpty else { throw .parameters(problems) }
    }

    /// Sets the field of one parameter; what is wrong, where something is.
    private mutating func read(_ name: String, _ value: String) throws(Refusal) -> String? {
        switch name {
        case "key": self.key = value
        case "provider": self.provider = value
        case "downloadId": self.downloadId = value
        case "sessionId": self.sessionId = value
        case "method": self.method = value.uppercased()
        case "code": self.code = value
        case "requestId": self.requestId = value
        case "status":
            self.status = Status(value)
            return self.status == nil ? "must be a status as 404 or 4xx" : nil
        case "since":
            self.since = RFC3339.parse(value)
            return self.since == nil ? "must be a time as 2026-11-21T02:24:00Z (RFC 3339)" : nil
        case "until":
            self.until = RFC3339.parse(value)
            return self.until == nil ? "must be a time as 2026-11-21T02:24:00Z (RFC 3339)" : nil
        case "limit":
            let number = value.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(value) : nil
            guard let number, Self.limits.contains(number) else { return "must be a whole number from 1 to 1000" }
            self.limit = number
        case "cursor":
            guard let cursor = Cursor(value) else { throw .cursor }
            self.cursor = cursor
        default: return "is not a parameter of this route"
        }
        return nil
    }
}
