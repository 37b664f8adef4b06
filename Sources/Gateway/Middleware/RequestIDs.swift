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
        self.init { Self.uuid(at: now(), random: .random(in: 0...UInt64.max)) }
    }

    /// A UUID of version 7 (RFC 9562, 5.7): 60 bits of `time` since 1970, in 4096ths of milliseconds, in front of 62 random ones.
    static func uuid(at time: Date, random: UInt64) -> String {
        let ticks = UInt64(max(min(time.timeIntervalSince1970 * 1000, Self.latest), 0) * 4096)
        let words = ((ticks >> 12) << 16 | 0x7000 | ticks & 0x0FFF, 1 << 63 | random >> 2)
        let bytes = (words.0.bigEndian, words.1.bigEndian)
        return UUID(uuid: withUnsafeBytes(of: bytes) { $0.loadUnaligned(as: uuid_t.self) }).lowercaseText
    }

    /// The last millisecond that 48 bits can hold.
    private static let latest = Double(1 << 48) - 1

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
