// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A time in the two forms that a zip has.
struct ZipTime: Hashable {
    /// MS-DOS: two seconds exact, from 1980 to 2107, in UTC here; `0`/`0x21`, which is 1980-01-01, where nothing is known.
    let dosTime: UInt16
    let dosDate: UInt16
    /// Seconds since 1970, for the extended timestamp; `nil` where nothing is known, or 32 bits do not hold it.
    let unix: Int32?

    init(_ date: Date?) {
        let seconds = date.flatMap { Int64(exactly: $0.timeIntervalSince1970.rounded(.down)) }
        self.unix = seconds.flatMap { Int32(exactly: $0) }
        // Kept in the years that MS-DOS has, so that nothing below can overflow.
        var time = time_t(min(max(seconds ?? Self.first, Self.first), Self.last))
        var parts = tm()
        gmtime_r(&time, &parts)
        self.dosTime = UInt16(clamping: parts.tm_hour << 11 | parts.tm_min << 5 | parts.tm_sec / 2)
        self.dosDate = UInt16(clamping: (parts.tm_year - 80) << 9 | (parts.tm_mon + 1) << 5 | parts.tm_mday)
    }

    /// 1980-01-01T00:00:00Z.
    private static let first: Int64 = 315_532_800
    /// 2107-12-31T23:59:58Z.
    private static let last: Int64 = 4_354_819_198
}
