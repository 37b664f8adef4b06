// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Reads a `Range` field (RFC 9110, 14.2).
enum ByteRangeHeader: Equatable {
    /// No range, or one to be ignored: another unit, or malformed.
    case none
    /// At least one range.
    case ranges([ByteRange])
    /// More ranges than anybody needs, whether or not they can be read.
    case tooMany

    /// How many ranges one request may ask for.
    static let most = 16
    /// What that many ranges with blanks need, and some.
    private static let longest = 1024

    /// Reads the field's value.
    ///
    /// Numbers that do not fit are treated as malformed, so that no arithmetic can overflow later.
    init(_ value: String?) {
        self = .none
        guard let value else { return }
        let sides = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, sides[0].trimmingBlanks().lowercased() == "bytes" else { return }
        self = .tooMany
        guard value.utf8.count <= Self.longest else { return }
        let members = sides[1].split(separator: ",").map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
        guard members.count <= Self.most else { return }
        let ranges = members.compactMap(Self.range)
        self = ranges.isEmpty || ranges.count < members.count ? .none : .ranges(ranges)
    }

    private static func range(_ member: String) -> ByteRange? {
        let ends = member.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
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
