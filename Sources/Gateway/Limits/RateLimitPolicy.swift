// SPDX-License-Identifier: Apache-2.0

public import Downloads

/// What one caller may use up; `nil` is no limit.
public struct RateLimitPolicy: Hashable, Sendable, Codable {
    /// Requests in the long run.
    public var requests: RequestRate?
    /// Requests at once after a pause; `nil`: those of one window.
    public var burst: Int?
    /// Requests at the same time, each until its last byte.
    public var concurrent: Int?
    /// Body bytes out in a UTC day.
    public var bytesPerDay: Int64?
    /// Body bytes out in a second.
    public var bytesPerSecond: Int64?

    /// Creates a policy; without arguments nothing is limited.
    public init(
        requests: RequestRate? = nil,
        burst: Int? = nil,
        concurrent: Int? = nil,
        bytesPerDay: Int64? = nil,
        bytesPerSecond: Int64? = nil
    ) {
        self.requests = requests
        self.burst = burst
        self.concurrent = concurrent
        self.bytesPerDay = bytesPerDay
        self.bytesPerSecond = bytesPerSecond
    }

    /// The policy of a configuration without one: `600/min`, 100 at once, 64 at the same time.
    public static var standard: RateLimitPolicy {
        RateLimitPolicy(requests: RequestRate(600, per: .minute), burst: 100, concurrent: 64)
    }

    /// The request limit in words, for a person who met it.
    public var requestsText: String { self.requests?.description ?? "no limit" }
}

extension RateLimitPolicy {
    /// Reads a policy from an object of the configuration or of a request's body.
    ///
    /// A member that is missing or `null` is no limit. Bytes are a whole number, or a text such as `10GB` (powers of 1000) or
    /// `10GiB` (of 1024). Unknown members are problems too; `path` is where the object stands.
    public static func parse(
        _ object: [String: JSONValue],
        at path: String
    ) -> (policy: RateLimitPolicy, problems: [FieldProblem]) {
        var reader = PolicyReader(object: object, path: path)
        let policy = RateLimitPolicy(
            requests: reader.rate("requests"),
            burst: reader.count("burst").map { Int(clamping: $0) },
            concurrent: reader.count("concurrent").map { Int(clamping: $0) },
            bytesPerDay: reader.bytes("bytesPerDay"),
            bytesPerSecond: reader.bytes("bytesPerSecond")
        )
        if policy.burst != nil, policy.requests == nil, reader.problems.isEmpty {
            reader.refuse("burst", "needs 'requests'")
        }
        return (policy, reader.finished())
    }
}

/// Reads members of a policy and notes what is wrong with each.
private struct PolicyReader {
    let object: [String: JSONValue]
    let path: String
    var problems: [FieldProblem] = []
    private var known: Set<String> = []

    init(object: [String: JSONValue], path: String) {
        self.object = object
        self.path = path
    }

    mutating func refuse(_ name: String, _ message: String) {
        self.problems.append(FieldProblem(field: self.path.isEmpty ? name : "\(self.path).\(name)", message: message))
    }

    private mutating func member(_ name: String) -> JSONValue? {
        self.known.insert(name)
        return self.object[name] == .null ? nil : self.object[name]
    }

    mutating func rate(_ name: String) -> RequestRate? {
        guard let value = self.member(name) else { return nil }
        if case .string(let text) = value, let rate = RequestRate(text) { return rate }
        self.refuse(name, "must be a rate as 600/min, with s, min, h or day")
        return nil
    }

    mutating func count(_ name: String) -> Int64? {
        guard let value = self.member(name) else { return nil }
        if case .integer(let count) = value, (1...1_000_000_000).contains(count) { return count }
        self.refuse(name, "must be a whole number from 1 to 1000000000")
        return nil
    }

    mutating func bytes(_ name: String) -> Int64? {
        guard let value = self.member(name) else { return nil }
        switch value {
        case .integer(let count) where count > 0: return count
        case .string(let text):
            if let count = Quantity.bytes(text), count > 0 { return count }
            fallthrough
        default:
            self.refuse(name, "must be bytes as a whole number, or with a unit as 10GB or 10GiB")
            return nil
        }
    }

    mutating func finished() -> [FieldProblem] {
        for name in Set(self.object.keys).subtracting(self.known).sorted() {
            self.refuse(String(name.prefix(100)), "is not a limit")
        }
        return self.problems
    }
}
