// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import NIOCore

/// What a simulator answers.
struct SimulatedResponse: Sendable {
    var status: Int
    var headers: HTTPFields
    var body: SimulatedBody

    init(_ status: Int, headers: [String: String] = [:], body: SimulatedBody = SimulatedBody()) {
        self.status = status
        self.body = body
        self.headers = HTTPFields()
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { continue }
            self.headers[name] = value
        }
    }

    static func json(_ json: JSON, status: Int = 200) -> SimulatedResponse {
        SimulatedResponse(status, headers: ["Content-Type": "application/json"], body: .bytes(json.encoded))
    }

    static func text(_ text: String, status: Int = 200, type: String = "text/plain; charset=utf-8") -> SimulatedResponse
    {
        SimulatedResponse(status, headers: ["Content-Type": type], body: .bytes(ByteBuffer(string: text)))
    }

    /// A file, whole whatever `Range` says.
    static func file(_ file: SimulatedFile) -> SimulatedResponse {
        SimulatedResponse(200, headers: ["Content-Type": file.mimeType], body: .file(file))
    }

    /// A file as RFC 9110 has it: `Range`, `If-Range`, 206, 416, and both validators.
    static func ranged(_ file: SimulatedFile, for request: SimulatedRequest, isWeak: Bool = false) -> SimulatedResponse
    {
        let etag = (isWeak ? "W/" : "") + "\"\(file.number)-\(file.size)-\(file.contents.seed)\""
        var headers = [
            "Content-Type": file.mimeType, "ETag": etag, "Last-Modified": file.createdAt.httpDate,
            "Accept-Ranges": "bytes",
        ]
        if request.header("If-None-Match") == etag { return SimulatedResponse(304, headers: headers) }
        let mayRange = request.header("If-Range").map { $0 == etag && !isWeak } ?? true
        guard mayRange, request.method != "HEAD", let field = request.header("Range"), let wanted = RangeField(field)
        else {
            return SimulatedResponse(200, headers: headers, body: .file(file))
        }
        guard let range = wanted.resolved(size: file.size) else {
            headers["Content-Range"] = "bytes */\(file.size)"
            return SimulatedResponse(416, headers: headers)
        }
        headers["Content-Range"] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"
        return SimulatedResponse(206, headers: headers, body: .file(file, range))
    }
}

/// A body in pieces, made while it is sent.
struct SimulatedBody: Sendable {
    enum Piece: Sendable {
        case bytes(ByteBuffer)
        case file(SimulatedContents, Range<Int64>)

        var count: Int64 {
            switch self {
            case .bytes(let buffer): Int64(buffer.readableBytes)
            case .file(_, let range): Int64(range.count)
            }
        }
    }

    var pieces: [Piece] = []

    var count: Int64 { self.pieces.reduce(0) { $0 + $1.count } }

    static func bytes(_ buffer: ByteBuffer) -> SimulatedBody { SimulatedBody(pieces: [.bytes(buffer)]) }

    static func file(_ file: SimulatedFile, _ range: Range<Int64>? = nil) -> SimulatedBody {
        SimulatedBody(pieces: [.file(file.contents, range ?? 0..<file.size)])
    }

    /// The first half of the bytes; files are left as they are.
    var firstHalf: SimulatedBody {
        SimulatedBody(
            pieces: self.pieces.map { piece in
                guard case .bytes(let buffer) = piece else { return piece }
                return .bytes(buffer.getSlice(at: buffer.readerIndex, length: buffer.readableBytes / 2) ?? buffer)
            }
        )
    }
}

/// One byte range of a `Range` field; several ranges are not understood, and so ignored.
private struct RangeField {
    let first: Int64?
    let last: Int64?

    init?(_ field: String) {
        guard field.hasPrefix("bytes="), !field.contains(",") else { return nil }
        let sides = field.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        (self.first, self.last) = (Int64(sides[0]), Int64(sides[1]))
        if self.first == nil && self.last == nil { return nil }
    }

    func resolved(size: Int64) -> Range<Int64>? {
        if let first {
            guard first < size, first <= self.last ?? .max else { return nil }
            return first..<(min(self.last ?? .max - 1, size - 1) + 1)
        }
        guard let last, last > 0, size > 0 else { return nil }
        return max(0, size - last)..<size
    }
}
