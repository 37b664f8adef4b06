// SPDX-License-Identifier: Apache-2.0

/// One byte range as a caller may ask for it (RFC 9110, 14.1.2).
public enum ByteRange: Hashable, Sendable {
    /// `first-last`, both included; never `first > last`.
    case bounded(first: Int64, last: Int64)
    /// `first-`: from there to the end.
    case from(Int64)
    /// `-count`: the last `count` bytes.
    case suffix(Int64)

    /// The bytes of a file of `size` bytes that are meant, or `nil` where there are none (416).
    public func resolved(size: Int64) -> ClosedRange<Int64>? {
        guard size > 0 else { return nil }
        switch self {
        case .bounded(let first, let last):
            guard first >= 0, first < size, last >= first else { return nil }
            return first...min(last, size - 1)
        case .from(let first):
            guard first >= 0, first < size else { return nil }
            return first...(size - 1)
        case .suffix(let count):
            guard count > 0 else { return nil }
            return (size - min(count, size))...(size - 1)
        }
    }

    /// The value for a `Range` header, without the unit.
    public var headerValue: String {
        switch self {
        case .bounded(let first, let last): "\(first)-\(last)"
        case .from(let first): "\(first)-"
        case .suffix(let count): "-\(count)"
        }
    }
}
