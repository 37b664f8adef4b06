// SPDX-License-Identifier: Apache-2.0

import CZlib
import NIOCore

/// The CRC-32 (IEEE) of bytes that come in pieces.
struct CRC32 {
    private(set) var value: UInt32 = 0

    /// Adds a piece.
    mutating func update(_ piece: ByteBuffer) {
        let crc = piece.withUnsafeReadableBytes { bytes in
            // The pointer is not kept beyond the call.
            crc32_z(UInt(self.value), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        }
        self.value = UInt32(truncatingIfNeeded: crc)
    }
}
