// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Simulators
import Testing

@testable import Transfer

/// Runs a test with a client, of one thread where nothing else is said, and a server; at its end no handle may be alive.
func withServer(
    threads: Int = 1,
    egress: EgressPolicy = EgressPolicy(allowAddresses: ["127.0.0.0/8", "::1/128"]),
    script: @escaping RawServer.Script,
    test: (TransferClient, RawServer) async throws -> Void
) async throws {
    let server = try await RawServer.start(script: script)
    let client = TransferClient(egress: egress, logger: Logger(label: "test"), threads: threads)
    do {
        try await test(client, server)
        try await eventually("no handle is alive") { client.openTransfers == 0 }
    } catch {
        await client.shutdown()
        await server.shutdown()
        throw error
    }
    await client.shutdown()
    await server.shutdown()
}

struct NeverHappened: Error {
    let what: String
}

/// Waits for a condition, with a bound that only a broken program reaches.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<4000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw NeverHappened(what: what)
}

/// Expects a transfer to fail in that way.
func expectFailure(
    _ kind: TransferError.Kind,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ work: () async throws -> Void
) async {
    do {
        try await work()
        Issue.record("expected \(kind)", sourceLocation: sourceLocation)
    } catch let error as TransferError {
        #expect(error.kind == kind, "\(error.detail)", sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

/// Pseudo-random bytes that repeat after a prime number of them, so that a lost, doubled or moved piece shows.
enum Pattern {
    private static let period = 1_048_573

    /// Two periods, so that any piece of up to one is a slice: no arithmetic per byte.
    private static let twice: ByteBuffer = {
        var state: UInt64 = 1
        var words = ByteBufferAllocator().buffer(capacity: Self.period + 8)
        // Eight at a time: a byte at a time, a debug build takes longer than some tests let their server be silent.
        while words.readableBytes < Self.period {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            words.writeInteger(state ^ state >> 29)
        }
        var one = words.getSlice(at: 0, length: Self.period) ?? words
        var two = ByteBuffer(buffer: one)
        two.writeBuffer(&one)
        return two
    }()

    /// The piece at an offset; `count` is at most one period.
    static func bytes(from offset: Int, count: Int) -> ByteBuffer {
        self.twice.getSlice(at: offset % self.period, length: count) ?? ByteBuffer()
    }

    /// Compares what comes with the pattern.
    struct Checker {
        private(set) var count = 0
        private(set) var isIntact = true

        mutating func take(_ buffer: ByteBuffer) {
            if buffer != Pattern.bytes(from: self.count, count: buffer.readableBytes) { self.isIntact = false }
            self.count += buffer.readableBytes
        }
    }
}

extension RawConnection {
    /// Answers the next request with an empty line-ended head and a body.
    func answer(_ status: String = "200 OK", headers: [String] = [], body: String = "") async throws {
        _ = try await self.readHead()
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
        try await self.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// Sends the pattern in pieces.
    func sendPattern(_ total: Int, piece: Int = 64 * 1024) async throws {
        var offset = 0
        while offset < total {
            let count = min(piece, total - offset)
            try await self.send(Pattern.bytes(from: offset, count: count))
            offset += count
        }
    }
}

/// A source of a request's body that has its elements ready, then ends or fails.
struct Pieces: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    let pieces: [ByteBuffer]
    let failure: (any Error & Sendable)?
    let pulled = RawBox(0)

    init(_ pieces: [ByteBuffer], failure: (any Error & Sendable)? = nil) {
        self.pieces = pieces
        self.failure = failure
    }

    struct Iterator: AsyncIteratorProtocol {
        let source: Pieces
        var index = 0

        mutating func next() async throws -> ByteBuffer? {
            guard self.index < self.source.pieces.count else {
                if let failure = self.source.failure { throw failure }
                return nil
            }
            defer { self.index += 1 }
            self.source.pulled.update { $0 += 1 }
            return self.source.pieces[self.index]
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(source: self) }
}

/// A value shared between a test and a server's script.
final class RawBox<Value: Sendable>: Sendable {
    private let box: NIOLockedValueBox<Value>

    init(_ value: Value) {
        self.box = NIOLockedValueBox(value)
    }

    var value: Value {
        get { self.box.withLockedValue(\.self) }
        set { self.box.withLockedValue { $0 = newValue } }
    }

    func update(_ change: (inout Value) -> Void) {
        self.box.withLockedValue { change(&$0) }
    }
}
