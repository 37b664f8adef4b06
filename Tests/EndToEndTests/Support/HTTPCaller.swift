// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOCore
import Synchronization

/// Asks one server over HTTP/1.1, a connection for each request; sends only what it is told to.
struct HTTPCaller: Sendable {
    typealias Fields = [(name: String, value: String)]

    /// `http://127.0.0.1:port`.
    let baseURL: String
    /// What every request carries.
    var headers: Fields = []
    /// Where all heads and bodies are noted.
    var transcript: Transcript?

    /// The server's port.
    var port: Int { self.baseURL.split(separator: ":").last.flatMap { Int($0) } ?? 0 }

    /// The same server with other headers.
    func with(_ headers: Fields) -> HTTPCaller {
        var caller = self
        caller.headers = headers
        return caller
    }

    /// Sends a request, and returns when the head of the answer is there.
    func open(_ method: String, _ target: String, _ headers: Fields = [], body: String? = nil) async throws -> Exchange
    {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(self.port)\r\n"
        for field in self.headers + headers { head += "\(field.name): \(field.value)\r\n" }
        if let body { head += "Content-Length: \(body.utf8.count)\r\n" }
        let request = ByteBuffer(string: head + "\r\n" + (body ?? ""))
        let exchange = try await Exchange(port: self.port, method: method, request: request)
        self.transcript?.note(exchange.head.fields.map { "\($0.name): \($0.value)" }.joined(separator: "\n"))
        return exchange
    }

    /// Sends a request, and reads the whole answer.
    func send(_ method: String, _ target: String, _ headers: Fields = [], body: String? = nil) async throws -> Answer {
        let exchange = try await self.open(method, target, headers, body: body)
        do {
            let answer = Answer(head: exchange.head, body: try await exchange.rest())
            await exchange.close()
            if answer.isText { self.transcript?.note(answer.text) }
            return answer
        } catch {
            await exchange.close()
            throw error
        }
    }

    /// `GET`.
    func get(_ target: String, _ headers: Fields = []) async throws -> Answer {
        try await self.send("GET", target, headers)
    }
}

/// A whole answer.
struct Answer: Sendable {
    let head: AnswerHead
    let body: ByteBuffer

    var status: Int { self.head.status }
    var text: String { String(decoding: self.body.readableBytesView, as: UTF8.self) }
    /// The media type without its parameters.
    var type: String { String((self.head.value("Content-Type") ?? "").prefix { $0 != ";" }) }
    /// The SHA-256 of the body in lower-case hex.
    var digest: String {
        SHA256.hash(data: self.body.readableBytesView).map { String(format: "%02x", $0) }.joined()
    }
    /// The body as JSON; `null` where it is none.
    var json: JSONValue {
        (try? JSONDecoder().decode(JSONValue.self, from: Data(self.body.readableBytesView))) ?? .null
    }
    /// The code of a problem.
    var code: String? { self.json["code"].text }

    fileprivate var isText: Bool { self.type.contains("json") || self.type.hasPrefix("text/") }
}

/// All that a caller was told.
final class Transcript: Sendable {
    private let texts = Mutex<[String]>([])

    func note(_ text: String) { self.texts.withLock { $0.append(text) } }

    var text: String { self.texts.withLock { $0.joined(separator: "\n") } }
}

extension JSONValue {
    /// A member of an object; `null` where there is none.
    subscript(name: String) -> JSONValue {
        if case .object(let members) = self { members[name] ?? .null } else { .null }
    }

    /// The elements of a list; none for anything else.
    var list: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }

    /// A text.
    var text: String? { if case .string(let text) = self { text } else { nil } }

    /// A whole number.
    var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
}
