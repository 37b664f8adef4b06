// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization
import Testing

@testable import Transfer

@Suite struct BodyBuffersTests {
    private static func address(_ buffer: ByteBuffer) -> UInt {
        buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    }

    private static func piece(_ byte: UInt8, from buffers: BodyBuffers) -> ByteBuffer {
        var piece = buffers.take()
        piece.writeRepeatingByte(byte, count: 100)
        buffers.lend(piece)
        return piece
    }

    @Test func theMoreReadersHoldTheSmallerThePieces() {
        let buffers = BodyBuffers(sharing: BodyBudget())
        let sizes = (0..<1000).map { _ in
            let size = buffers.size
            buffers.hold(size)
            return size
        }
        #expect(sizes.first == BodyBuffers.largest && sizes.last == BodyBuffers.smallest)
        #expect(sizes == sizes.sorted(by: >))
        #expect(buffers.held < (8 << 20) + 1000 * BodyBuffers.smallest)
        buffers.hold(-buffers.held)
        #expect(buffers.size == BodyBuffers.largest)
    }

    @Test func whoComesLaterReadsLessAtOnceHoweverManyCame() {
        let budget = BodyBudget()
        let buffers = BodyBuffers(sharing: budget)
        let sizes = (0..<1000).map { _ in
            let size = buffers.readSize
            buffers.begin(size)
            return size
        }
        #expect(sizes.first == BodyBuffers.longestRead && sizes[7] == BodyBuffers.longestRead / 8)
        #expect(sizes == sizes.sorted(by: >) && sizes.last == BodyBuffers.shortestRead)
        #expect(budget.reading.load(ordering: .relaxed) < (1 << 20) + 1000 * BodyBuffers.smallest)
    }

    @Test func threadsShareOneBudget() {
        let budget = BodyBudget()
        let (one, other) = (BodyBuffers(sharing: budget), BodyBuffers(sharing: budget))
        one.hold(1 << 30)
        for _ in 0..<100 { one.begin(BodyBuffers.longestRead) }
        #expect(other.size == BodyBuffers.smallest && other.readSize == BodyBuffers.shortestRead)
        #expect(other.depth == 0 && other.held == 0)
    }

    @Test func memoryThatNobodyReadsIsUsedAgain() {
        let buffers = BodyBuffers(sharing: BodyBudget())
        let addresses = (0..<100).map { _ in Self.address(Self.piece(1, from: buffers)) }
        #expect(Set(addresses).count < 10)
    }

    @Test func aPieceThatIsStillReadStaysAsItIs() {
        let buffers = BodyBuffers(sharing: BodyBudget())
        let pieces = (0..<100).map { Self.piece(UInt8($0), from: buffers) }
        for (index, piece) in pieces.enumerated() {
            #expect(piece == ByteBuffer(repeating: UInt8(index), count: 100))
        }
    }

    @Test func aSmallerShareMakesSmallerBuffers() {
        let buffers = BodyBuffers(sharing: BodyBudget())
        for _ in 0..<20 { _ = Self.piece(1, from: buffers) }
        buffers.hold(1 << 30)
        #expect(buffers.take().capacity == BodyBuffers.smallest)
    }
}
