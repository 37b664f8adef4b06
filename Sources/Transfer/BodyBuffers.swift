// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The memory that answers are gathered in: shared out among the open transfers of a client, and used again.
///
/// Few transfers get large pieces, because each piece costs two hand-overs between threads; many get small ones, so that a
/// thousand readers that stopped hold no more than a few that read. It is not `Sendable`: it lives on the client's thread.
final class BodyBuffers {
    /// How many transfers are open.
    var transfers = 0 {
        didSet {
            while self.lent.count > self.mostLent { self.lent.removeFirst() }
        }
    }

    /// What libcurl's own buffers add up to, one for each open transfer, from its beginning to its end.
    var reading = 0

    /// Bytes of bodies that libcurl handed out so far.
    var received: UInt64 = 0

    /// Buffers that were handed on; whoever got one may still read it.
    private var lent: CircularBuffer<ByteBuffer> = []

    /// Most bytes of a piece.
    static let largest = 512 * 1024
    /// Fewest bytes of a full piece.
    static let smallest = 8 * 1024
    /// What the pieces of all transfers add up to, one of each.
    private static let budget = 4 << 20
    /// The most that libcurl reads from a socket at once.
    static let longestRead = 256 * 1024
    /// What libcurl's buffers add up to, but for the smallest ones.
    private static let readBudget = 4 << 20
    /// Smaller buffers are left to the allocator, which is quick with them and does not ask the system for each.
    private static let worthKeeping = 64 * 1024

    /// Bytes of a full piece of a body now: a power of two, as buffers are.
    var size: Int {
        Self.powerOfTwo(min(max(Self.budget / max(1, self.transfers), Self.smallest), Self.largest))
    }

    /// Bytes of libcurl's buffer for a transfer that begins now.
    ///
    /// A part of what is left: those who came while few were there keep theirs when they stop reading.
    var readSize: Int {
        Self.powerOfTwo(min(max((Self.readBudget - self.reading) / 8, Self.smallest), Self.longestRead))
    }

    /// The greatest one that is no more than `size`, which is above zero.
    private static func powerOfTwo(_ size: Int) -> Int { 1 << (Int.bitWidth - 1 - size.leadingZeroBitCount) }

    /// How many pieces of a body may wait for their reader.
    var depth: Int { self.transfers <= 8 ? 2 : 1 }

    /// As many as may be with their readers, of each transfer one in the queue, one on its way out, and one to spare.
    private var mostLent: Int { self.size < Self.worthKeeping ? 0 : 3 * self.transfers + 4 }

    /// An empty buffer with room for a full piece.
    func take() -> ByteBuffer {
        let size = self.size
        guard self.lent.count >= self.mostLent, var buffer = self.lent.popFirst(), buffer.capacity == size else {
            return ByteBufferAllocator().buffer(capacity: size)
        }
        // Where somebody still reads it, this makes a new one.
        buffer.clear()
        return buffer
    }

    /// Notes a piece that is handed on, to use its memory again.
    func lend(_ piece: ByteBuffer) {
        if self.mostLent > 0, piece.capacity >= Self.worthKeeping { self.lent.append(piece) }
    }
}
