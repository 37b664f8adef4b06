// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import Hummingbird
import NIOCore

/// Reads a JSON object that a caller sent, member by member, and collects every fault.
struct JSONBody {
    /// Longest body that is read.
    static let longest = 1 << 20

    private var members: [String: JSONValue]
    private var problems: [FieldProblem] = []

    /// Reads a request's body, which the client is told to send where it waits for that.
    ///
    /// Throws `UNSUPPORTED_MEDIA_TYPE` where it is not declared as JSON, `TOO_LARGE` past 1 MiB, and `INVALID_REQUEST` where
    /// it is no object that all readers understand alike. One that `mayBeEmpty` and is, counts as an object without members.
    init(_ request: Request, on channel: any Channel, mayBeEmpty: Bool = false) async throws(Problem) {
        let isJSON = MediaType.essence(request.headers[.contentType] ?? "") == MediaType.json
        let another = Problem(.unsupportedMediaType, "The body must be application/json.")
        guard isJSON || mayBeEmpty else { throw another }
        let buffer = try await Self.bytes(of: request, on: channel)
        guard !mayBeEmpty || buffer.readableBytes > 0 else {
            self.members = [:]
            return
        }
        guard isJSON else { throw another }
        guard case .object(let members) = StrictJSON.parse(Array(buffer.readableBytesView)) else {
            throw Problem(.invalidRequest, "The body must be a JSON object, with each member once.")
        }
        self.members = members
    }

    private static func bytes(of request: Request, on channel: any Channel) async throws(Problem) -> ByteBuffer {
        let tooLarge = "The body is longer than 1 MiB."
        let expectation = Expectation(request, on: channel)
        if let length = request.headers[.contentLength].flatMap({ Int64($0) }), length > Self.longest {
            // Who was never told to send a body cannot go on with another request.
            throw Problem(.tooLarge, tooLarge, headers: expectation.isGiven ? [.connection: "close"] : [:])
        }
        await expectation.meet()
        do {
            return try await request.body.collect(upTo: Self.longest)
        } catch is NIOTooManyBytesError {
            throw Problem(.tooLarge, tooLarge)
        } catch {
            throw Problem(.invalidRequest, "The body did not arrive whole.")
        }
    }

    /// Notes a fault in a member.
    mutating func refuse(_ name: String, _ message: String) {
        self.problems.append(FieldProblem(field: name, message: message))
    }

    /// Notes faults that were found elsewhere, in members without one so far.
    mutating func refuse(_ problems: [FieldProblem]) {
        func member(_ problem: FieldProblem) -> Substring { problem.field.prefix { $0 != "." && $0 != "[" } }
        let known = Set(self.problems.map(member))
        self.problems += problems.filter { !known.contains(member($0)) }
    }

    /// Whether there is such a member, be it `null`, that was not taken yet.
    func names(_ name: String) -> Bool { self.members[name] != nil }

    /// Whether a member was sent, be it `null`.
    func has(_ name: String) -> Bool { self.members[name] != nil }

    /// Whether a member was not sent, or as `null`.
    func lacks(_ name: String) -> Bool { self.members[name] ?? .null == .null }

    /// Whether a member was sent as `null`.
    func isNull(_ name: String) -> Bool { self.members[name] == .null }

    /// All members that were not taken yet; they count as known from now on.
    mutating func takeRest() -> [String: JSONValue] {
        defer { self.members = [:] }
        return self.members
    }

    /// A member's value, `null` and missing alike; it counts as known from now on.
    mutating func take(_ name: String) -> JSONValue? {
        guard let value = self.members.removeValue(forKey: name), value != .null else { return nil }
        return value
    }

    /// Whether a fault in a member was noted.
    func hasFault(in name: String) -> Bool { self.problems.contains { $0.field == name } }

    /// Stands for all members with their values, in whatever order and spelling they were sent; to be asked before any is taken.
    var digest: Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // JSON that was read is JSON that can be written.
        return Data(SHA256.hash(data: (try? encoder.encode(self.members)) ?? Data()))
    }

    /// A text of at least 1 byte without control characters.
    mutating func text(_ name: String, upTo longest: Int = 256) -> String? {
        guard let value = self.take(name) else { return nil }
        guard case .string(let text) = value, (1...longest).contains(text.utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else {
            self.refuse(name, "must be a text of 1–\(longest) bytes")
            return nil
        }
        return text
    }

    /// A whole number in a range; `960.0` is one, as in JSON Schema.
    mutating func whole(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let value = self.take(name) else { return nil }
        let number: Int64? =
            switch value {
            case .integer(let number): number
            case .number(let number): Int64(exactly: number)
            default: nil
            }
        guard let number, range.contains(number) else {
            self.refuse(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// `true` or `false`.
    mutating func flag(_ name: String) -> Bool? {
        guard let value = self.take(name) else { return nil }
        guard case .bool(let flag) = value else {
            self.refuse(name, "must be true or false")
            return nil
        }
        return flag
    }

    /// A list of texts, each there once and read by `parse`.
    mutating func list<Element>(_ name: String, _ what: String, _ parse: (String) -> Element?) -> [Element]? {
        guard let value = self.take(name) else { return nil }
        guard case .array(let items) = value, (1...100).contains(items.count) else {
            self.refuse(name, "must be a list of 1–100 \(what)")
            return nil
        }
        if Set(items).count < items.count { self.refuse(name, "must have each of its members once") }
        let parsed = items.enumerated().compactMap { index, item -> Element? in
            if case .string(let text) = item, let element = parse(text) { return element }
            self.refuse("\(name)[\(index)]", "is not one of the \(what)")
            return nil
        }
        return parsed
    }

    /// Throws all faults, unknown members among them.
    mutating func finish() throws(Problem) {
        for name in self.members.keys.sorted() { self.refuse(String(name.prefix(100)), "is not a field here") }
        guard self.problems.isEmpty else { throw .fields(self.problems) }
    }
}
