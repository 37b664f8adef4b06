// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore

/// Sends a body under back-pressure, counts what the connection took, and breaks off where a fault says so.
struct BodySender: Sendable {
    private let pieces: [SimulatedBody.Piece]
    private let count: Int64
    private let fault: SimulatorFault?
    private let channel: any Channel
    private let log: RequestLog
    private let number: Int
    /// Which byte of the body is another, where a fault says so.
    private let flipped: Int64?

    init(_ body: SimulatedBody, fault: SimulatorFault?, channel: any Channel, log: RequestLog, number: Int) {
        var pieces = body.pieces
        switch fault {
        case .lengthen(let bytes):
            pieces.append(.bytes(ByteBuffer(repeating: UInt8(ascii: "+"), count: Int(bytes))))
        case .shorten(let bytes):
            if case .file(let contents, let range) = pieces.last {
                let end = max(range.lowerBound, range.upperBound - bytes)
                pieces[pieces.count - 1] = .file(contents, range.lowerBound..<end)
            }
        default:
            break
        }
        self.pieces = pieces
        self.count = pieces.reduce(0) { $0 + $1.count }
        self.fault = fault
        self.channel = channel
        self.log = log
        self.number = number
        self.flipped = if case .flip(let byte) = fault { byte } else { nil }
    }

    /// The response that sends this body after `answer`'s head.
    func response(for answer: SimulatedResponse, isHead: Bool) -> Response {
        var length: Int? = Int(self.count)
        if case .chunked = self.fault { length = nil }
        let body = ResponseBody(contentLength: length) { writer in
            do {
                if !isHead { try await self.send(to: &writer) }
                try await writer.finish(nil)
                self.log.end(self.number, as: .complete)
            } catch {
                self.log.end(self.number, as: .peerLeft)
                throw error
            }
        }
        var response = Response(status: .init(code: answer.status), headers: answer.headers, body: body)
        if answer.status == 204 || answer.status == 304 { response.headers[.contentLength] = nil }
        return response
    }

    @concurrent
    private func send(to writer: inout any ResponseBodyWriter) async throws {
        var left = self.breakAfter ?? .max
        for piece in self.pieces {
            switch piece {
            case .bytes(let buffer):
                try await self.push(buffer, &left, &writer)
            case .file(let contents, let range):
                var offset = range.lowerBound
                while offset < range.upperBound && left > 0 {
                    let buffer = contents.bytes(at: offset, atMost: range.upperBound - offset)
                    offset += Int64(buffer.readableBytes)
                    try await self.push(buffer, &left, &writer)
                }
            }
            if left == 0 { try await self.breakOff() }
        }
        if self.breakAfter != nil { try await self.breakOff() }
    }

    @concurrent
    private func push(_ buffer: ByteBuffer, _ left: inout Int64, _ writer: inout any ResponseBodyWriter) async throws {
        let count = min(Int64(buffer.readableBytes), left)
        guard count > 0, var slice = buffer.getSlice(at: buffer.readerIndex, length: Int(count)) else { return }
        // Without a fault that breaks off, `left` counts down from the largest number.
        if let place = self.flipped.map({ $0 - (.max - left) }), (0..<count).contains(place),
            let byte: UInt8 = slice.getInteger(at: slice.readerIndex + Int(place))
        {
            slice.setInteger(byte ^ 1, at: slice.readerIndex + Int(place))
        }
        left -= count
        if case .pace(let pause) = self.fault { try await Task.sleep(for: pause) }
        try await writer.write(slice)
        // A write is only queued for the event loop; without waiting for it, a busy loop would let us run far ahead.
        try await self.channel.eventLoop.submit {}.get()
        self.log.pushed(self.number, count)
    }

    /// Where the fault strikes; a body that is shorter is spared.
    private var breakAfter: Int64? {
        switch self.fault {
        case .stall(let bytes), .reset(let bytes), .cut(let bytes): bytes < self.count ? bytes : nil
        case .chunked(let bytes): bytes
        default: nil
        }
    }

    /// Never returns.
    private func breakOff() async throws {
        switch self.fault {
        case .reset:
            self.log.end(self.number, as: .broken)
            try await self.channel.reset()
        case .cut, .chunked:
            self.log.end(self.number, as: .broken)
            // Closing the output first lets what is already written go out.
            try? await self.channel.close(mode: .output)
            try? await self.channel.closeFuture.get()
        default:
            try? await self.channel.closeFuture.get()
        }
        throw ChannelError.eof
    }
}
