// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Yams

/// Collects what is wrong with a configuration while it is read.
final class ConfigurationProblems {
    private(set) var all: [FieldProblem] = []

    func add(_ field: String, _ message: String) { self.all.append(FieldProblem(field: field, message: message)) }
}

/// A mapping of the file at its path: hands out typed values, and knows which keys were asked for.
///
/// A key that is missing or `null` has its default. A value of the wrong form is noted and has its default too, so that all
/// faults are found in one pass. ``finish()`` refuses the keys that nobody asked for.
final class ConfigurationNode {
    let path: String
    private let values: [(key: String, node: Node)]
    private let environment: [String: String]
    private let problems: ConfigurationProblems
    private var known: Set<String> = []

    init(path: String, node: Node?, environment: [String: String], problems: ConfigurationProblems) {
        self.path = path
        self.environment = environment
        self.problems = problems
        switch node {
        case .mapping(let mapping): self.values = mapping.map { ($0.key.string ?? "", $0.value) }
        case nil: self.values = []
        case let node?:
            self.values = []
            if node.null == nil { problems.add(path.isEmpty ? "(file)" : path, "must be a mapping of keys to values") }
        }
        for (key, group) in Dictionary(grouping: self.values, by: \.key) where group.count > 1 {
            problems.add(self.place(key), "stands more than once")
        }
    }

    /// The path of a key in the file.
    func place(_ key: String) -> String { self.path.isEmpty ? key : "\(self.path).\(key)" }

    /// Notes a fault.
    func refuse(_ key: String, _ message: String) { self.problems.add(self.place(key), message) }

    /// All keys that stand in the file.
    var keys: [String] { self.values.map(\.key) }

    /// The keys that were not asked for yet.
    var rest: [String] { self.values.map(\.key).filter { !self.known.contains($0) } }

    /// Refuses the keys that nobody asked for.
    func finish() {
        for key in self.rest { self.refuse(key, "is not a key here") }
    }

    private func node(_ key: String) -> Node? {
        self.known.insert(key)
        guard let node = self.values.first(where: { $0.key == key })?.node, node.null == nil else { return nil }
        return node
    }

    // MARK: Values

    /// A section below this one.
    func section(_ key: String) -> ConfigurationNode {
        ConfigurationNode(
            path: self.place(key),
            node: self.node(key),
            environment: self.environment,
            problems: self.problems
        )
    }

    /// The sections of a list.
    func sections(_ key: String) -> [ConfigurationNode] {
        guard let node = self.node(key) else { return [] }
        guard let sequence = node.sequence else {
            self.refuse(key, "must be a list")
            return []
        }
        return sequence.enumerated().map { index, node in
            ConfigurationNode(
                path: "\(self.place(key))[\(index)]",
                node: node,
                environment: self.environment,
                problems: self.problems
            )
        }
    }

    /// A text, with the environment's variables in it.
    func text(_ key: String) -> String? {
        guard let node = self.node(key) else { return nil }
        guard let scalar = node.scalar else {
            self.refuse(key, "must be a single value")
            return nil
        }
        return self.resolved(scalar.string, key, node)
    }

    /// A text that must not be seen; an empty one counts as missing.
    func secret(_ key: String) -> Secret? { self.text(key).flatMap { $0.isEmpty ? nil : Secret($0) } }

    /// A list of texts; a single text counts as a list of one.
    func texts(_ key: String) -> [String] {
        guard let node = self.node(key) else { return [] }
        if node.scalar != nil { return self.text(key).map { $0.isEmpty ? [] : [$0] } ?? [] }
        guard let sequence = node.sequence, sequence.allSatisfy({ $0.scalar != nil }) else {
            self.refuse(key, "must be a list of texts")
            return []
        }
        return sequence.compactMap { item in item.scalar.flatMap { self.resolved($0.string, key, item) } }
    }

    /// A whole number within bounds.
    func integer(_ key: String, in bounds: ClosedRange<Int>, default standard: Int) -> Int {
        guard let text = self.text(key) else { return standard }
        guard let value = Int(text), bounds.contains(value) else {
            self.refuse(key, "must be a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
            return standard
        }
        return value
    }

    /// `true` or `false`.
    func boolean(_ key: String, default standard: Bool) -> Bool {
        guard let text = self.text(key) else { return standard }
        guard let value = ["true": true, "false": false][text] else {
            self.refuse(key, "must be true or false")
            return standard
        }
        return value
    }

    /// Seconds of a duration with its unit.
    func seconds(_ key: String, in bounds: ClosedRange<Double>, default standard: Double) -> Double {
        guard let text = self.text(key) else { return standard }
        guard let value = Quantity.seconds(text), bounds.contains(value) else {
            self.refuse(key, "must be a duration with its unit, such as 500ms, 30s, 24h or 90d, within sensible bounds")
            return standard
        }
        return value
    }

    /// Bytes of a size.
    func bytes(_ key: String, default standard: Int64) -> Int64 {
        guard let text = self.text(key) else { return standard }
        guard let value = Quantity.bytes(text) else {
            self.refuse(key, "must be a size, such as 1000, 64KiB or 10GB")
            return standard
        }
        return value
    }

    /// Any value as JSON, for the settings of a provider's kind.
    func json(_ key: String) -> JSONValue? {
        guard let node = self.node(key) else { return nil }
        guard let scalar = node.scalar else { return JSONValue(node) }
        guard scalar.string.contains("${") else { return JSONValue(node) }
        return self.resolved(scalar.string, key, node).map { .string($0) }
    }

    // MARK: Environment

    /// `text` with `${NAME}` and `${NAME:-default}` replaced; a missing variable is an error that names the line.
    private func resolved(_ text: String, _ key: String, _ node: Node) -> String? {
        var result = ""
        var rest = text[...]
        while let start = rest.range(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                self.refuse(key, "has '${' without '}'")
                return nil
            }
            let parts = rest[start.upperBound..<end].split(
                separator: ":-",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            let name = parts.first.map(String.init) ?? ""
            if let value = self.environment[name], !(value.isEmpty && parts.count == 2) {
                result += value
            } else if parts.count == 2 {
                result += parts[1]
            } else {
                let line = node.mark.map { " (line \($0.line))" } ?? ""
                self.refuse(key, "needs the environment variable \(name), which is not set\(line)")
                return nil
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
