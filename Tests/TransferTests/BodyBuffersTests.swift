// SPDX-License-Identifier: Apache-2.0

import NIOCore
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
        let buffers = BodyBuffers()
        let sizes = (0..<1000).map { _ in
            let size = buffers.size
            buffers.held += size
            return size
        }
        #expect(sizes.first == BodyBuffers.largest && sizes.last == BodyBuffers.smallest)
        #expect(sizes == sizes.sorted(by: >))
        #expect(buffers.held < (8 << 20) + 1000 * BodyBuffers.smallest)
        buffers.held = 0
        #expect(buffers.size == BodyBuffers.largest)
    }

    @Test func whoComesLaterReadsLessAtOnceHoweverManyCame() {
        let buffers = BodyBuffers()
        let sizes = (0..<1000).map { _ in
            let size = buffers.readSize
            buffers.reading += size
            return size
        }
        #expect(sizes.first == BodyBuffers.longestRead && sizes[7] == BodyBuffers.longestRead / 8)
        #expect(sizes == sizes.sorted(by: >) && sizes.last == BodyBuffers.shortestRead)
        #expect(buffers.reading < (1 << 20) + 1000 * BodyBuffers.smallest)
    }

    @Test func memoryThatNobodyReadsIsUsedAgain() {
        let buffers = BodyBuffers()
        let addresses = (0..<100).map { _ in Self.address(Self.piece(1, from: buffers)) }
        #expect(Set(addresses).count < 10)
    }

    @Test func aPieceThatIsStillReadStaysAsItIs() {
        let buffers = BodyBuffers()
        let pieces = (0..<100).map { Self.piece(UInt8($0), from: buffers) }
        for (index, piece) in pieces.enumerated() {
            #expect(piece == ByteBuffer(repeating: UInt8(index), count: 100))
        }
    }

    @Test func aSmallerShareMakesSmallerBuffers() {
        let buffers = BodyBuffers()
        for _ in 0..<20 { _ = Self.piece(1, from: buffers) }
        buffers.held = 1 << 30
        #expect(buffers.take().capacity == BodyBuffers.smallest)
    }
}
