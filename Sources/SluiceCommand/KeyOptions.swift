// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Downloads
import Foundation
import Gateway

/// The settings of a key, as options.
struct KeyOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: "What it may do: \(Scope.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var scope: [String] = []

    @Option(parsing: .upToNextOption, help: "Only these providers.")
    var provider: [String] = []

    @Option(parsing: .upToNextOption, help: "Only these sessions; * and ? are wildcards.")
    var session: [String] = []

    @Option(help: "When it ends, as 2027-01-31T00:00:00Z.")
    var expires: String?

    @Option(help: "How many requests in what time, as 600/min; s, min, h or day. A limit replaces all default ones.")
    var requests: String?

    @Option(help: "How many requests at once after a pause.")
    var burst: Int64?

    @Option(help: "How many requests at the same time.")
    var concurrent: Int64?

    @Option(help: "Body bytes out in a UTC day, as 10GB.")
    var bytesPerDay: String?

    @Option(help: "Body bytes out in a second, as 5MB.")
    var bytesPerSecond: String?

    /// Whether any of the limits is given.
    var hasLimits: Bool { !self.limits.isEmpty }

    /// What the options set, after `adjust`; throws every fault at once.
    func change(_ adjust: (inout KeyChange) -> Void) throws -> KeyChange {
        var problems: [FieldProblem] = []
        var change = KeyChange()
        change.scopes = Self.parse(self.scope, "scopes", &problems) { Scope(rawValue: $0) }.map(Set.init)
        // An option that is not given leaves a setting as it is; it does not clear it.
        if let providers = Self.parse(self.provider, "providers", &problems, { ProviderID($0) }) {
            change.providers = Set(providers)
        }
        if let sessions = Self.parse(self.session, "sessions", &problems, { SessionGlob($0) }) {
            change.sessions = sessions
        }
        if let times = Self.parse(self.expires.map { [$0] } ?? [], "expiresAt", &problems, { RFC3339.parse($0) }) {
            change.expiresAt = times.first
        }
        let limits = self.limits
        if !limits.isEmpty {
            let (policy, faults) = RateLimitPolicy.parse(limits, at: "limits")
            change.limits = policy
            problems += faults
        }
        adjust(&change)
        if problems.isEmpty { problems = change.problems(at: Date()) }
        guard problems.isEmpty else {
            throw ValidationError(problems.map { "\($0.field): \($0.message)" }.joined(separator: "\n"))
        }
        return change
    }

    /// The limits in the form of the API and the configuration, whose rules hold here too.
    private var limits: [String: JSONValue] {
        let bytes: (String) -> JSONValue = { text in Int64(text).map { .integer($0) } ?? .string(text) }
        let limits: [String: JSONValue?] = [
            "requests": self.requests.map { .string($0) },
            "burst": self.burst.map { .integer($0) },
            "concurrent": self.concurrent.map { .integer($0) },
            "bytesPerDay": self.bytesPerDay.map(bytes),
            "bytesPerSecond": self.bytesPerSecond.map(bytes),
        ]
        return limits.compactMapValues { $0 }
    }

    /// The values of an option; `nil` where it is not given.
    private static func parse<Value>(
        _ texts: [String],
        _ field: String,
        _ problems: inout [FieldProblem],
        _ parse: (String) -> Value?
    ) -> [Value]? {
        guard !texts.isEmpty else { return nil }
        let values = texts.map { (text: $0, value: parse($0)) }
        problems += values.filter { $0.value == nil }.map {
            FieldProblem(field: field, message: "'\($0.text)' cannot be one")
        }
        return values.compactMap(\.value)
    }
}
