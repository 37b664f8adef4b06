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

    @Test func theMoreTransfersTheSmallerThePieces() {
        let buffers = BodyBuffers()
        let sizes = [0, 1, 8, 9, 16, 64, 512, 100_000].map { count in
            buffers.transfers = count
            return buffers.size >> 10
        }
        #expect(sizes == [512, 512, 512, 256, 256, 64, 8, 8])
    }

    @Test func whoComesLaterReadsLessAtOnceHoweverManyCame() {
        let buffers = BodyBuffers()
        let sizes = (0..<1000).map { _ in
            let size = buffers.readSize
            buffers.reading += size
            return size
        }
        #expect(sizes[..<8].allSatisfy { $0 == BodyBuffers.longestRead })
        #expect(sizes == sizes.sorted(by: >) && sizes.last == BodyBuffers.smallest)
        #expect(buffers.reading < (4 << 20) + 1000 * BodyBuffers.smallest)
    }

    @Test func memoryThatNobodyReadsIsUsedAgain() {
        let buffers = BodyBuffers()
        buffers.transfers = 1
        let addresses = (0..<100).map { _ in Self.address(Self.piece(1, from: buffers)) }
        #expect(Set(addresses).count < 10)
    }

    @Test func aPieceThatIsStillReadStaysAsItIs() {
        let buffers = BodyBuffers()
        buffers.transfers = 1
        let pieces = (0..<100).map { Self.piece(UInt8($0), from: buffers) }
        for (index, piece) in pieces.enumerated() {
            #expect(piece == ByteBuffer(repeating: UInt8(index), count: 100))
        }
    }

    @Test func aSmallerShareMakesSmallerBuffers() {
        let buffers = BodyBuffers()
        buffers.transfers = 1
        for _ in 0..<20 { _ = Self.piece(1, from: buffers) }
        buffers.transfers = 1000
        #expect(buffers.take().capacity == BodyBuffers.smallest)
    }
}
