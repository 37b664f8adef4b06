// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

/// What a request that went straight to the router was answered with.
struct Answer: Sendable {
    let status: HTTPResponse.Status
    let headers: HTTPFields
    let body: ByteBuffer

    var text: String { String(buffer: self.body) }
    var data: Data { Data(self.body.readableBytesView) }

    /// The body as JSON, of an answer that must have this status.
    func json(
        expecting status: HTTPResponse.Status,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONValue {
        #expect(self.status == status, "\(self.text)", sourceLocation: sourceLocation)
        return try JSONDecoder().decode(JSONValue.self, from: self.data)
    }

    /// The code of a problem in the form of RFC 9457; `nil` where the answer is none.
    var problemCode: String? {
        guard self.headers[.contentType] == "application/problem+json",
            let problem = try? JSONDecoder().decode(JSONValue.self, from: self.data),
            problem["status"] == .integer(Int64(self.status.code)), problem["requestId"].text != nil,
            problem["requestId"].text == self.headers[.requestID], problem["type"].text != nil,
            problem["title"].text != nil, problem["detail"].text != nil
        else { return nil }
        return problem["code"].text
    }

    /// The fields that a problem names.
    var problemFields: [String] {
        let problem = try? JSONDecoder().decode(JSONValue.self, from: self.data)
        return problem?["errors"].items.compactMap { $0["field"].text } ?? []
    }
}

extension JSONValue {
    /// A member; `null` where there is none.
    subscript(_ name: String) -> JSONValue {
        guard case .object(let members) = self else { return .null }
        return members[name] ?? .null
    }

    /// An element; `null` where there is none.
    subscript(_ index: Int) -> JSONValue { self.items.indices.contains(index) ? self.items[index] : .null }

    var items: [JSONValue] {
        guard case .array(let items) = self else { return [] }
        return items
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var integer: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    var members: [String] {
        guard case .object(let members) = self else { return [] }
        return members.keys.sorted()
    }

    /// The file names of a list's answer, in its order.
    var filenames: [String] { self["downloads"].items.compactMap { $0["filename"].text } }

    /// What became of a provider in a list's answer.
    func source(_ provider: String) -> JSONValue {
        self["sources"].items.first { $0["provider"].text == provider } ?? .null
    }
}
