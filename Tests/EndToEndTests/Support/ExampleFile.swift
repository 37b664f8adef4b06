// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file of `api-spec/examples`, as its README describes the form.
struct ExampleFile: Sendable {
    /// What a file may not say.
    struct Malformed: Error { let line: String }

    /// A request, what must come back, and what is kept.
    struct Example: Sendable {
        let name: String
        var method = ""
        var url = ""
        var headers: HTTPCaller.Fields = []
        var body: String?
        var steps: [Step] = []
    }

    /// A line that begins with `<` or `>`.
    enum Step: Sendable {
        case status(String)
        case check(Subject, operation: String, value: String, line: String)
        case keep(name: String, Subject)
    }

    /// What is looked at.
    enum Subject: Sendable {
        case header(String)
        case json(String)
        case body
        case bytes
    }

    let name: String
    let examples: [Example]

    /// All files.
    static var names: [String] {
        let folder = packageFolder.appendingPathComponent("api-spec/examples").path
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".http") }.sorted()
    }

    /// Reads one.
    init(named name: String) throws {
        let file = packageFolder.appendingPathComponent("api-spec/examples/\(name)")
        var reader = Reader()
        for line in try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n",
            omittingEmptySubsequences: false
        ) {
            try reader.read(String(line))
        }
        self.name = name
        self.examples = reader.examples
    }
}

extension ExampleFile {
    private struct Reader {
        enum Place { case before, request, headers, body, checks }

        var examples: [Example] = []
        var place = Place.before

        mutating func read(_ line: String) throws {
            if line.hasPrefix("### ") {
                self.examples.append(Example(name: String(line.dropFirst(4))))
                self.place = .request
            } else if line.hasPrefix("< ") || line.hasPrefix("> ") {
                self.place = .checks
                let step = try line.hasPrefix("<") ? Self.check(line) : Self.keep(line)
                self.change { $0.steps.append(step) }
            } else if line.hasPrefix("# ") && self.place != .body {
                return
            } else {
                try self.readRequest(line)
            }
        }

        private mutating func readRequest(_ line: String) throws {
            switch self.place {
            case .request where !line.isEmpty:
                let words = line.split(separator: " ", maxSplits: 1).map(String.init)
                guard words.count == 2 else { throw Malformed(line: line) }
                self.change { ($0.method, $0.url) = (words[0], words[1]) }
                self.place = .headers
            case .headers where line.isEmpty:
                self.place = .body
            case .headers:
                let sides = line.split(separator: ":", maxSplits: 1).map(String.init)
                guard sides.count == 2 else { throw Malformed(line: line) }
                self.change { $0.headers.append((name: sides[0], value: String(sides[1].drop { $0 == " " }))) }
            case .body where !line.isEmpty:
                self.change { $0.body = ($0.body.map { $0 + "\n" } ?? "") + line }
            default:
                guard line.isEmpty else { throw Malformed(line: line) }
            }
        }

        private mutating func change(_ change: (inout Example) -> Void) {
            guard !self.examples.isEmpty else { return }
            change(&self.examples[self.examples.count - 1])
        }

        /// `< 200`, `< header NAME OP TEXT`, `< json PATH OP VALUE`, `< body OP TEXT`, `< bytes OP NUMBER`.
        private static func check(_ line: String) throws -> Step {
            let text = String(line.dropFirst(2))
            var words = text.split(separator: " ", maxSplits: 3).map(String.init)
            if words.count == 1 { return .status(words[0]) }
            let subject: Subject
            switch words.removeFirst() {
            case "header": subject = .header(words.removeFirst())
            case "json": subject = .json(words.removeFirst())
            case "body": subject = .body
            case "bytes": subject = .bytes
            default: throw Malformed(line: line)
            }
            guard let operation = words.first else { throw Malformed(line: line) }
            let value = words.dropFirst().joined(separator: " ")
            return .check(subject, operation: operation, value: value, line: line)
        }

        /// `> NAME = json PATH`, `> NAME = header NAME`.
        private static func keep(_ line: String) throws -> Step {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 5, words[2] == "=" else { throw Malformed(line: line) }
            switch words[3] {
            case "json": return .keep(name: words[1], .json(words[4]))
            case "header": return .keep(name: words[1], .header(words[4]))
            default: throw Malformed(line: line)
            }
        }
    }
}
