// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation

/// Makes the ids of requests.
struct RequestIDs: Sendable {
    /// Makes a new one.
    let make: @Sendable () -> String

    init(make: @escaping @Sendable () -> String) { self.make = make }

    /// New ids are UUIDs that begin with the time: the log's index of them grows at its end, where ids that are random all
    /// through make SQLite write another page for each request.
    init(now: @escaping @Sendable () -> Date) {
        self.init {
            // `UUID()` opens `/dev/urandom` each time.
            var generator = SystemRandomNumberGenerator()
            return UUID(version7: now(), using: &generator).uuidString.lowercased()
        }
    }

    /// The caller's own id where it is 1–128 of `[A-Za-z0-9._-]` and no gateway key, else a new one.
    func id(presented: [String]) -> String {
        guard presented.count == 1, let id = presented.first, (1...128).contains(id.utf8.count),
            id.utf8.allSatisfy(Self.isAllowed), RedactedPath.withoutKey(id) == id
        else { return self.make() }
        return id
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "._-".utf8.contains(byte)
    }
}

extension UUID {
    /// A UUID of version 7 (RFC 9562, 5.7): 48 bits of `time`, in milliseconds since 1970, in front of 74 random ones.
    init(version7 time: Date, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(clamping: time.milliseconds)
        let high = milliseconds << 16 | 0x7000 | generator.next() & 0x0FFF
        let low = 1 << 63 | generator.next() >> 2
        var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &bytes) { bytes in
            bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        self.init(uuid: bytes)
    }
}
