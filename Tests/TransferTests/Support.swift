// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import NIOCore
import Simulators
import Testing

@testable import Transfer

/// Runs a test with a client and a server; at its end no handle may be alive.
func withServer(
    egress: EgressPolicy = EgressPolicy(allowAddresses: ["127.0.0.0/8", "::1/128"]),
    script: @escaping RawServer.Script,
    test: (TransferClient, RawServer) async throws -> Void
) async throws {
    let server = try await RawServer.start(script: script)
    let client = TransferClient(egress: egress, logger: Logger(label: "test"))
    do {
        try await test(client, server)
        try await eventually("no handle is alive") { await client.openTransfers == 0 }
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

/// Bytes that differ at every place within a long way, so that a lost, doubled or moved piece shows.
enum Pattern {
    static func bytes(from offset: Int, count: Int) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var word = offset / 8
        while buffer.readableBytes < count {
            buffer.writeInteger(UInt64(truncatingIfNeeded: word) &* 0x9E37_79B9_7F4A_7C15)
            word += 1
        }
        return buffer.getSlice(at: 0, length: count) ?? buffer
    }

    /// Offsets must be multiples of 8 to compare word by word; a rest is kept by the checker.
    struct Checker {
        private(set) var count = 0
        private(set) var isIntact = true
        private var rest = ByteBuffer()

        mutating func take(_ buffer: ByteBuffer) {
            var buffer = buffer
            self.rest.writeBuffer(&buffer)
            let whole = self.rest.readableBytes / 8 * 8
            guard let got = self.rest.readSlice(length: whole) else { return }
            if got != Pattern.bytes(from: self.count, count: whole) { self.isIntact = false }
            self.count += whole
            self.rest.discardReadBytes()
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
