// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Simulators
import Testing

@testable import Transfer

/// A socket that bytes are relayed into, and a thread that reads the other end and holds it against the pattern.
final class Sink: Sendable {
    let entry: CInt
    private let exit: CInt
    private let checker = RawBox(Pattern.Checker())
    private let hasEnded = RawGate()

    init(isReading: Bool = true) throws {
        var ends: [CInt] = [-1, -1]
        try #require(unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        (self.entry, self.exit) = (ends[0], ends[1])
        _ = fcntl(self.entry, F_SETFL, O_NONBLOCK)
        if isReading { Thread { self.read() }.start() } else { self.hasEnded.open() }
    }

    private func read() {
        let allocator = ByteBufferAllocator()
        while true {
            var piece = allocator.buffer(capacity: 1 << 18)
            let count = piece.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 18) { room in
                max(unsafe Foundation.read(self.exit, room.baseAddress, 1 << 18), 0)
            }
            guard count > 0 else { break }
            self.checker.update { $0.take(piece) }
        }
        self.hasEnded.open()
    }

    /// Writes a piece as the reader's own connection would, waiting for room.
    func write(_ piece: ByteBuffer) {
        piece.withUnsafeReadableBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = unsafe Foundation.write(
                    self.entry,
                    bytes.baseAddress?.advanced(by: written),
                    bytes.count - written
                )
                if count > 0 {
                    written += count
                } else {
                    var room = pollfd(fd: self.entry, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&room, 1, -1)
                }
            }
        }
    }

    /// The reader goes.
    func leave() { close(self.exit) }

    /// Ends the stream: what was read of it.
    func end() async -> (count: Int, isIntact: Bool) {
        close(self.entry)
        await self.hasEnded.wait()
        close(self.exit)
        return (self.checker.value.count, self.checker.value.isIntact)
    }
}
