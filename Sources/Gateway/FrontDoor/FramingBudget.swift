// SPDX-License-Identifier: Apache-2.0

/// What one body may bring along beside its bytes: chunk extensions and trailers, which mean nothing here, may be of any length
/// (RFC 9112, 7.1.1).
///
/// What came is held against what became of it, read by read. A read that brought a head counts for nothing.
struct FramingBudget {
    private enum Phase {
        /// No body is read.
        case none
        /// One is, and began with the bytes that came last.
        case began
        case counting
    }

    /// Beyond the plain cost of the chunks.
    private static let most = 16_384
    /// The length of a chunk, and the ends of two lines; what the decoder passes on at once belongs to one chunk.
    private static let plain = 24

    private var phase = Phase.none
    private var cost = 0

    /// Whether there was more than a body may bring along.
    var isSpent: Bool { self.cost > Self.most }

    /// Bytes came, of whatever.
    mutating func came(_ bytes: Int) {
        guard self.phase != .none else { return }
        self.phase = .counting
        self.cost += bytes
    }

    mutating func bodyBegins() { (self.phase, self.cost) = (.began, 0) }

    /// Bytes of the body were among what came last.
    mutating func bodyCame(_ bytes: Int) { if self.phase == .counting { self.cost -= bytes + Self.plain } }

    mutating func bodyEnded() { (self.phase, self.cost) = (.none, 0) }
}
