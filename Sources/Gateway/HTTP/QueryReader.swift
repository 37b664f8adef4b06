// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Reads a query's parameters by name and type, and collects every fault, so that a caller sees all of them at once.
///
/// Each name that is read is known; ``finish()`` refuses the others, so that a typo is never ignored.
struct QueryReader {
    private let parameters: [(name: String, value: String)]
    private var known: Set<String> = []
    private var problems: [FieldProblem] = []

    init(_ parameters: [(name: String, value: String)]) { self.parameters = parameters }

    /// Notes a fault in a parameter.
    mutating func refuse(_ name: String, _ message: String) {
        self.problems.append(FieldProblem(field: name, message: message))
    }

    /// Whether a fault was noted in a parameter.
    func hasFault(in name: String) -> Bool { self.problems.contains { $0.field == name } }

    /// The value of a parameter that may be there once; an empty value is a fault.
    mutating func text(_ name: String) -> String? {
        self.known.insert(name)
        guard let value = self.parameters.first(where: { $0.name == name })?.value else { return nil }
        guard self.parameters.count(where: { $0.name == name }) == 1 else {
            self.refuse(name, "stands more than once")
            return nil
        }
        guard !value.isEmpty, value.utf8.count <= 1024 else {
            self.refuse(name, "must have 1–1024 bytes")
            return nil
        }
        return value
    }

    /// The values of a parameter that may be repeated or be a comma list.
    mutating func list(_ name: String) -> [String]? {
        self.known.insert(name)
        let values = self.parameters.filter { $0.name == name }.map(\.value)
        guard !values.isEmpty else { return nil }
        let items = values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        guard items.count <= 100, items.allSatisfy({ !$0.isEmpty }) else {
            self.refuse(name, "must be a list of 1–100 names")
            return nil
        }
        return items
    }

    /// A whole number within `bounds`.
    mutating func integer(_ name: String, in bounds: ClosedRange<Int64>) -> Int64? {
        guard let text = self.text(name) else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int64(text), bounds.contains(value)
        else {
            self.refuse(name, "must be a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
            return nil
        }
        return value
    }

    /// `true` or `false`.
    mutating func flag(_ name: String) -> Bool? {
        guard let text = self.text(name) else { return nil }
        if text != "true", text != "false" { self.refuse(name, "must be true or false") }
        return text == "true"
    }

    /// A time; without an offset it is UTC.
    mutating func time(_ name: String) -> Date? {
        guard let text = self.text(name) else { return nil }
        guard let date = RFC3339.parse(text) else {
            self.refuse(name, "must be a time as 2026-11-21T02:24:00Z (RFC 3339)")
            return nil
        }
        return date
    }

    /// Throws all faults, the unknown names among them.
    mutating func finish() throws(Problem) {
        for name in Set(self.parameters.map(\.name)).subtracting(self.known).sorted() {
            self.refuse(String(name.prefix(100)), "is not a parameter of this route")
        }
        guard self.problems.isEmpty else { throw .fields(self.problems) }
    }
}
