// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// One request and its answer, on a connection of its own; the body is read as fast as the test asks for it.
final class Exchange {
    /// The connection ended before the answer did.
    struct BrokenOff: Error {
        /// Body bytes that had come.
        let received: Int
    }

    private enum Framing {
        case length(Int)
        case chunks
        case untilClose
    }

    /// Status and header fields.
    let head: AnswerHead
    /// Body bytes so far.
    private(set) var received = 0
    private let connection: WireConnection
    private var pending: ByteBuffer
    private var framing: Framing

    /// Sends a request as it is, and reads the head of its answer.
    init(port: Int, method: String, request: ByteBuffer) async throws {
        let connection = try await WireConnection.open(port: port)
        self.connection = connection
        do {
            try await connection.send(request)
            (self.head, self.pending) = try await Self.readHead(from: connection)
        } catch {
            await connection.close()
            throw error
        }
        if method == "HEAD" || self.head.status == 204 || self.head.status == 304 {
            self.framing = .length(0)
        } else if self.head.value("Transfer-Encoding")?.lowercased() == "chunked" {
            self.framing = .chunks
        } else {
            self.framing = self.head.value("Content-Length").flatMap(Int.init).map { .length($0) } ?? .untilClose
        }
    }

    private static func readHead(from connection: WireConnection) async throws -> (AnswerHead, ByteBuffer) {
        var bytes = ByteBuffer()
        while true {
            guard let more = await connection.receive() else { throw BrokenOff(received: 0) }
            bytes.writeImmutableBuffer(more)
            let text = String(decoding: bytes.readableBytesView, as: UTF8.self)
            guard text.contains("\r\n\r\n") else { continue }
            let view = bytes.readableBytesView
            let end = view.indices.first { view[$0...].starts(with: [13, 10, 13, 10]) } ?? view.endIndex
            let head = bytes.readString(length: end - view.startIndex) ?? ""
            bytes.moveReaderIndex(forwardBy: 4)
            return (try AnswerHead(text: head), bytes)
        }
    }

    /// The next bytes of the body; `nil` at its proper end.
    func next() async throws -> ByteBuffer? {
        switch self.framing {
        case .length(let rest):
            guard rest > 0 else { return nil }
            let part = try await self.take(atMost: rest)
            self.framing = .length(rest - part.readableBytes)
            return part
        case .chunks:
            guard let size = Int(try await self.line(), radix: 16) else { throw BrokenOff(received: self.received) }
            var chunk = ByteBuffer()
            while chunk.readableBytes < size {
                chunk.writeImmutableBuffer(try await self.take(atMost: size - chunk.readableBytes))
            }
            _ = try await self.line()
            if size == 0 { self.framing = .length(0) }
            return size == 0 ? nil : chunk
        case .untilClose:
            return try? await self.take(atMost: .max)
        }
    }

    /// The rest of the body.
    func rest() async throws -> ByteBuffer {
        var body = ByteBuffer()
        while let part = try await self.next() { body.writeImmutableBuffer(part) }
        return body
    }

    /// Leaves.
    func close() async { await self.connection.close() }

    private func take(atMost limit: Int) async throws -> ByteBuffer {
        try await self.fill()
        let part = self.pending.readSlice(length: min(limit, self.pending.readableBytes)) ?? ByteBuffer()
        self.received += part.readableBytes
        return part
    }

    private func line() async throws -> String {
        var line: [UInt8] = []
        while true {
            try await self.fill()
            guard let byte: UInt8 = self.pending.readInteger(), byte != 10 else { break }
            if byte != 13 { line.append(byte) }
        }
        return String(decoding: line, as: UTF8.self)
    }

    private func fill() async throws {
        guard self.pending.readableBytes == 0 else { return }
        guard let more = await self.connection.receive() else { throw BrokenOff(received: self.received) }
        self.pending = more
    }
}

/// The status and the header fields of an answer.
struct AnswerHead: Sendable {
    /// It is no HTTP.
    struct Malformed: Error { let text: String }

    let status: Int
    let fields: [(name: String, value: String)]

    init(text: String) throws {
        let lines = text.components(separatedByLines: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw Malformed(text: text) }
        self.status = status
        self.fields = lines.dropFirst().map { line in
            let sides = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return (sides[0], sides.count > 1 ? String(sides[1].drop { $0 == " " }) : "")
        }
    }

    /// The value of a field, in any letter case.
    func value(_ name: String) -> String? {
        self.fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

extension String {
    fileprivate func components(separatedByLines mark: String) -> [String] {
        // CR LF is one Character, so that splitting by it is exact.
        self.split(separator: Character(mark), omittingEmptySubsequences: false).map(String.init)
    }
}
