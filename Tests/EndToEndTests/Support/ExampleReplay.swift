// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Testing

/// Replays example files against a gateway.
struct ExampleReplay {
    /// A request of an example, and its answer.
    struct Exchanged: Sendable {
        let example: String
        let method: String
        let path: String
        let answer: Answer
    }

    let caller: HTTPCaller
    var names: [String: String]

    /// Gives the names that the README promises.
    init(_ gateway: EndToEndFixture) async throws {
        self.caller = gateway.anyone
        self.names = [
            "baseURL": gateway.baseURL,
            "key": try await gateway.key("downloads:read", "downloads:delete", "logs:read"),
            "readKey": try await gateway.key("downloads:read"),
            "adminKey": EndToEndFixture.adminKey,
        ]
    }

    /// Replays a file, and records an issue for each check that fails; names of the file do not outlive it.
    func replay(_ file: ExampleFile) async throws -> [Exchanged] {
        var run = self
        var exchanged: [Exchanged] = []
        for example in file.examples { exchanged.append(try await run.replay(example, of: file.name)) }
        return exchanged
    }

    private mutating func replay(_ example: ExampleFile.Example, of file: String) async throws -> Exchanged {
        let title = "\(file) › \(example.name)"
        let target = String(self.filled(example.url).dropFirst(self.caller.baseURL.count))
        let headers = example.headers.map { (name: $0.name, value: self.filled($0.value)) }
        let body = example.body.map(self.filled)
        let answer = try await self.caller.send(example.method, target, headers, body: body)
        #expect(!example.steps.isEmpty, "\(title): checks nothing")
        for step in example.steps {
            switch step {
            case .status(let wanted):
                #expect(String(answer.status) == wanted, "\(title): \(answer.text.prefix(500))")
            case .check(let subject, let operation, let value, let line):
                let check = ExampleCheck(operation: operation, value: self.filled(value))
                #expect(check.holds(for: subject, in: answer), "\(title): \(line)\n\(answer.text.prefix(500))")
            case .keep(let name, let subject):
                self.names[name] = ExampleCheck.text(of: subject, in: answer)
                #expect(self.names[name] != nil, "\(title): there is no \(subject) to keep as \(name)")
            }
        }
        let path = String(target.prefix { $0 != "?" })
        return Exchanged(example: title, method: example.method, path: path, answer: answer)
    }

    private func filled(_ text: String) -> String {
        self.names.reduce(text) { $0.replacingOccurrences(of: "{{\($1.key)}}", with: $1.value) }
    }
}

/// One check of an example.
struct ExampleCheck {
    let operation: String
    let value: String

    /// Whether the answer is as the check says.
    func holds(for subject: ExampleFile.Subject, in answer: Answer) -> Bool {
        switch subject {
        case .header(let name): return self.holds(forText: answer.head.value(name))
        case .body: return self.holds(forText: answer.text)
        case .bytes: return self.holds(forNumber: Double(answer.body.readableBytes))
        case .json(let path): return self.holds(forValue: Self.value(at: path, in: answer.json))
        }
    }

    private func holds(forText text: String?) -> Bool {
        switch self.operation {
        case "==": text == self.value
        case "!=": text != nil && text != self.value
        case "~": text?.contains(self.value) ?? false
        case "exists": text != nil
        case "absent": text == nil
        default: false
        }
    }

    private func holds(forNumber number: Double) -> Bool {
        guard let wanted = Double(self.value) else { return false }
        switch self.operation {
        case "==": return number == wanted
        case "!=": return number != wanted
        case ">=": return number >= wanted
        default: return false
        }
    }

    private func holds(forValue value: JSONValue?) -> Bool {
        let wanted = try? JSONDecoder().decode(JSONValue.self, from: Data(self.value.utf8))
        switch self.operation {
        case "exists": return value != nil
        case "absent": return value == nil
        case "==": return wanted != nil && value == wanted
        case "!=": return value != nil && value != wanted
        case "~": return value?.text?.contains(self.value) ?? false
        case ">=": return value?.integer.map { self.holds(forNumber: Double($0)) } ?? false
        default: return false
        }
    }

    /// What is kept of an answer.
    static func text(of subject: ExampleFile.Subject, in answer: Answer) -> String? {
        switch subject {
        case .header(let name): answer.head.value(name)
        case .body, .bytes: nil
        case .json(let path):
            switch Self.value(at: path, in: answer.json) {
            case .string(let text): text
            case .integer(let number): String(number)
            case .number(let number): String(number)
            case .bool(let value): String(value)
            default: nil
            }
        }
    }

    /// The value at `$.name[0].count`; `nil` where there is none, and not for `null`.
    static func value(at path: String, in json: JSONValue) -> JSONValue? {
        var value: JSONValue? = json
        let parts = path.dropFirst().replacing("[", with: ".[").split(separator: ".")
        for part in parts {
            switch value {
            case .array(let elements) where part.hasPrefix("["):
                let index = Int(part.dropFirst().dropLast()) ?? -1
                value = elements.indices.contains(index) ? elements[index] : nil
            case .array(let elements) where part == "count":
                value = .integer(Int64(elements.count))
            case .object(let members):
                value = members[String(part)]
            default:
                return nil
            }
        }
        return value
    }
}
