// SPDX-License-Identifier: Apache-2.0

import CZlib
import Downloads
import NIOCore

/// Unpacks one raw deflate stream (RFC 1951) piece by piece, with a bounded piece out for each piece in.
///
/// Not `Sendable`: it is used by the one reader that owns it.
final class Inflater {
    /// What one piece of input gave.
    struct Step {
        var output: ByteBuffer
        var consumed: Int
        var isEnd: Bool
    }

    // On the heap, because zlib keeps the address; freed in `deinit` only.
    private let stream: UnsafeMutablePointer<z_stream>

    private static let pieceSize = 128 << 10

    /// Throws `unavailable` where there is no memory for it.
    init() throws(ProviderError) {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        guard czlib_inflate_init_raw(self.stream) == Z_OK else {
            throw ProviderError(.unavailable, retry: .now, message: "There is no memory to unpack the archive.")
        }
    }

    deinit {
        inflateEnd(self.stream)
        self.stream.deinitialize(count: 1)
        self.stream.deallocate()
    }

    /// Unpacks some of `input`; throws `malformedResponse` for anything but deflate.
    func step(_ input: ByteBuffer) throws(ProviderError) -> Step {
        var output = ByteBuffer()
        output.reserveCapacity(Self.pieceSize)
        var code = Z_OK
        var consumed = 0
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.pieceSize) { room in
            input.withUnsafeReadableBytes { bytes in
                let offered = UInt32(clamping: bytes.count)
                let space = UInt32(clamping: room.count)
                // zlib does not write to its input; the C type only lacks the const. The pointers end with this closure.
                self.stream.pointee.next_in = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?
                    .assumingMemoryBound(to: UInt8.self)
                self.stream.pointee.avail_in = offered
                self.stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                self.stream.pointee.avail_out = space
                code = inflate(self.stream, Z_NO_FLUSH)
                consumed = Int(offered - self.stream.pointee.avail_in)
                let written = Int(space - self.stream.pointee.avail_out)
                self.stream.pointee.next_in = nil
                self.stream.pointee.next_out = nil
                return written
            }
        }
        let hasMoved = consumed > 0 || output.readableBytes > 0
        guard code == Z_STREAM_END || code == Z_OK || (code == Z_BUF_ERROR && hasMoved) else {
            throw ProviderError(.malformedResponse, message: "The upstream's archive holds damaged data.")
        }
        return Step(output: output, consumed: consumed, isEnd: code == Z_STREAM_END)
    }
}

/// The CRC-32 of bytes that come in pieces.
struct RunningCRC {
    private(set) var value: UInt32 = 0

    /// Adds a piece.
    mutating func update(_ piece: ByteBuffer) {
        let crc = piece.withUnsafeReadableBytes { bytes in
            crc32(
                UInt(self.value),
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                UInt32(clamping: bytes.count)
            )
        }
        self.value = UInt32(truncatingIfNeeded: crc)
    }
}
