// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Reads a `Range` field (RFC 9110, 14.2).
enum ByteRangeHeader {
    /// The one range that is asked for; `nil` where the field is to be ignored: another unit, malformed, or several ranges.
    ///
    /// Numbers that do not fit are treated as malformed, so that no arithmetic can overflow later.
    static func range(in value: String?) -> ByteRange? {
        guard let value, value.utf8.count <= 256 else { return nil }
        let parts = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].trimmingBlanks().lowercased() == "bytes" else { return nil }
        let members = parts[1].split(separator: ",").map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
        guard members.count == 1 else { return nil }
        let ends = members[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        switch (ends[0].isEmpty, ends[1].isEmpty) {
        case (true, false): return Self.number(ends[1]).map(ByteRange.suffix)
        case (false, true): return Self.number(ends[0]).map(ByteRange.from)
        case (false, false):
            guard let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last else { return nil }
            return .bounded(first: first, last: last)
        case (true, true): return nil
        }
    }

    private static func number(_ text: Substring) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
