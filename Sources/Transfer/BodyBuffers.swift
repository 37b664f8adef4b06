// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// The memory that answers are gathered in: shared out among the open transfers of a client, and used again.
///
/// A piece is a part of what others leave: few readers get large pieces, because each costs two hand-overs between threads, and
/// so do many that read on; a thousand that stopped hold little more than a few. What is shared out is one budget for all
/// threads; what is used again stays with one of them. It is not `Sendable`: it lives on its driver's thread.
final class BodyBuffers {
    private let budget: BodyBudget

    /// The part of the budget that this thread's readers have.
    private(set) var held = 0

    /// Buffers that were handed on, the oldest first; whoever got one may still read it.
    private var lent: CircularBuffer<ByteBuffer> = []
    private var lentBytes = 0

    /// Most bytes of a piece.
    static let largest = 512 * 1024
    /// Fewest bytes of a full piece.
    static let smallest = 4 * 1024
    /// What readers have at most, but for the smallest pieces.
    private static let mostHeld = 8 << 20
    /// The most bytes of buffers that are remembered.
    private static let mostLent = 8 << 20
    /// The most that libcurl reads from a socket at once.
    static let longestRead = 256 * 1024
    /// The least that its buffer takes.
    static let shortestRead = 2 * 1024
    /// What libcurl's buffers add up to, but for the smallest ones.
    private static let mostReading = 1 << 20
    /// Smaller buffers are left to the allocator, which is quick with them and does not ask the system for each.
    private static let worthKeeping = 64 * 1024

    /// Bytes of a full piece of a body now: a power of two, as buffers are.
    var size: Int {
        let left = Self.mostHeld - self.budget.held.load(ordering: .relaxed)
        return Self.powerOfTwo(min(max(left / 4, Self.smallest), Self.largest))
    }

    /// Bytes of libcurl's buffer for a transfer that begins now.
    ///
    /// A part of what is left: those who came while few were there keep theirs when they stop reading.
    var readSize: Int {
        let left = Self.mostReading - self.budget.reading.load(ordering: .relaxed)
        return Self.powerOfTwo(min(max(left / 4, Self.shortestRead), Self.longestRead))
    }

    init(sharing budget: BodyBudget) { self.budget = budget }

    /// Counts a transfer that reads `readSize` bytes at once, until it ends.
    func begin(_ readSize: Int) {
        self.budget.transfers.add(1, ordering: .relaxed)
        self.budget.reading.add(readSize, ordering: .relaxed)
    }

    /// Counts it no more.
    func end(_ readSize: Int) {
        self.budget.transfers.subtract(1, ordering: .relaxed)
        self.budget.reading.subtract(readSize, ordering: .relaxed)
    }

    /// Notes that a reader has so many bytes more, or fewer.
    func hold(_ change: Int) {
        self.held += change
        self.budget.held.add(change, ordering: .relaxed)
    }

    /// Notes bytes that libcurl handed out.
    func receive(_ count: Int) {
        self.budget.received.add(UInt64(clamping: count), ordering: .relaxed)
    }

    /// The greatest one that is no more than `size`, which is above zero.
    private static func powerOfTwo(_ size: Int) -> Int { 1 << (Int.bitWidth - 1 - size.leadingZeroBitCount) }

    /// How many pieces of a body may wait for their reader; with 0, the next is fetched when the reader asks for it.
    var depth: Int {
        switch self.budget.transfers.load(ordering: .relaxed) {
        case ...8: 2
        case ...64: 1
        default: 0
        }
    }

    /// An empty buffer with room for a full piece.
    func take() -> ByteBuffer {
        let size = self.size
        // Oldest first, and not before there is more than readers have: the buffer is most likely free.
        guard self.lentBytes > self.held + 2 * size, var buffer = self.takeOldest(), buffer.capacity == size else {
            return ByteBufferAllocator().buffer(capacity: size)
        }
        // Where somebody still reads it, this makes a new one.
        buffer.clear()
        return buffer
    }

    /// Notes a piece that is handed on, to use its memory again.
    func lend(_ piece: ByteBuffer) {
        let isWorthKeeping = self.size >= Self.worthKeeping
        if isWorthKeeping, piece.capacity >= Self.worthKeeping {
            self.lent.append(piece)
            self.lentBytes += piece.capacity
        }
        while self.lentBytes > (isWorthKeeping ? Self.mostLent : 0) { _ = self.takeOldest() }
    }

    private func takeOldest() -> ByteBuffer? {
        let oldest = self.lent.popFirst()
        self.lentBytes -= oldest?.capacity ?? 0
        return oldest
    }
}
