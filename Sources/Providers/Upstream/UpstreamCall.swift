// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import HTTPTypes
import NIOCore

/// One request to an upstream, relative to its base URL and without credentials.
struct UpstreamCall: Sendable {
    /// The method.
    var method: HTTPRequest.Method
    /// After the base URL, with a leading slash; made by ``URLPath``, so already percent-encoded.
    var path: String
    /// Names and values as they are; they are encoded when the URL is made.
    var query: [(name: String, value: String)]
    /// What is asked for.
    var accept: String
    /// The part of the file that is wanted.
    var range: ByteRange?
    /// JSON that is sent, exactly these bytes.
    var body: ByteBuffer?
    /// Bytes that are sent in place of ``body``.
    var stream: UpstreamStream?
    /// Redirects that are followed, always without the credential on another origin.
    var maxRedirects: Int
    /// How long the first byte of the answer is waited for; `nil`: as for every call.
    var patience: Duration?
    /// The most bytes of an answer in JSON.
    var longestAnswer = 8 << 20
    /// It changes something, whatever its method says: it is never sent twice.
    var writes = false

    init(
        _ method: HTTPRequest.Method = .get,
        _ path: String,
        query: [(name: String, value: String)] = [],
        accept: String = "application/json",
        range: ByteRange? = nil,
        body: ByteBuffer? = nil,
        maxRedirects: Int = 0
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.accept = accept
        self.range = range
        self.body = body
        self.maxRedirects = maxRedirects
    }

    /// The fields that any host may see.
    var headers: HTTPFields {
        // An encoded body would make the length and the ranges those of the encoding.
        var fields: HTTPFields = [.accept: self.accept, .acceptEncoding: "identity"]
        if let range { fields[.range] = "bytes=\(range.headerValue)" }
        if self.body != nil { fields[.contentType] = "application/json" }
        if let stream { fields[.contentType] = stream.contentType }
        return fields
    }
}

/// An upstream's answer of any status, with its whole body.
struct UpstreamAnswer: Sendable {
    var status: Int
    var headers: HTTPFields
    var body: Data

    var isSuccess: Bool { (200...299).contains(self.status) }

    /// Whether this is a page for people, such as a proxy or a sleeping server sends.
    var isHTML: Bool {
        if let type = self.headers[.contentType]?.lowercased() { return type.hasPrefix("text/html") }
        return self.isMarkup
    }

    /// Whether this begins like HTML or XML, in which there is no sentence to show.
    var isMarkup: Bool { self.body.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "<") }

    /// The body as any JSON; `nil` where it is none.
    var json: JSONValue? { try? JSONDecoder().decode(JSONValue.self, from: self.body) }
}
