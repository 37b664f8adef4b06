// SPDX-License-Identifier: Apache-2.0

/// What a caller's `Accept` asks for (RFC 9110, 12.5.1), held against what there is.
struct ContentNegotiation {
    private struct Range {
        let type: String
        let subtype: String
        let quality: Double

        var isAnything: Bool { self.type == "*" && self.subtype == "*" && self.quality > 0 }

        /// 3: named · 2: a family · 1: anything · 0: no match.
        func specificity(for mediaType: String) -> Int {
            guard let slash = mediaType.utf8.firstIndex(of: UInt8(ascii: "/")) else { return 0 }
            if self.type == "*" { return self.subtype == "*" ? 1 : 0 }
            guard self.type == mediaType[..<slash] else { return 0 }
            return self.subtype == "*" ? 2 : (self.subtype == mediaType[slash...].dropFirst() ? 3 : 0)
        }
    }

    private let ranges: [Range]

    /// Reads the field's value; none, or an empty one, accepts anything.
    ///
    /// Members that are no media range are ignored.
    init(accept: String?) {
        let members = (accept ?? "").utf8.split(separator: UInt8(ascii: ",")).prefix(64)
            .compactMap { Self.range(Substring($0)) }
        let isOpen = (accept ?? "").utf8.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        self.ranges = isOpen ? [Range(type: "*", subtype: "*", quality: 1)] : members
    }

    /// The best of `offers`, or `nil` where none is accepted (406).
    ///
    /// The highest quality wins; at equal quality a type that is named goes before a wildcard, then the one that the caller
    /// listed first, then the first of `offers`.
    func best(of offers: [String]) -> String? {
        // What most callers send: by the rules below, the first.
        if self.ranges.count == 1, self.ranges[0].isAnything { return offers.first }
        var best: (offer: String, quality: Double, isNamed: Bool, position: Int)?
        for offer in offers {
            guard let (range, position) = self.match(offer.lowercased()), range.quality > 0 else { continue }
            let candidate = (offer, range.quality, range.specificity(for: offer.lowercased()) == 3, position)
            guard let present = best else {
                best = candidate
                continue
            }
            let isBetter =
                candidate.1 != present.quality
                ? candidate.1 > present.quality
                : candidate.2 != present.isNamed
                    ? candidate.2 : candidate.2 && candidate.3 < present.position
            if isBetter { best = candidate }
        }
        return best?.offer
    }

    /// The most specific range that covers a type: it alone decides on the type's quality.
    private func match(_ mediaType: String) -> (Range, Int)? {
        var best: (range: Range, position: Int, specificity: Int)?
        for (position, range) in self.ranges.enumerated() {
            let specificity = range.specificity(for: mediaType)
            if specificity > (best?.specificity ?? 0) { best = (range, position, specificity) }
        }
        return best.map { ($0.range, $0.position) }
    }

    private static func range(_ member: Substring) -> Range? {
        let parts = member.split(separator: ";", omittingEmptySubsequences: false).map {
            $0.trimmingBlanks().lowercased()
        }
        guard let types = parts.first?.split(separator: "/", omittingEmptySubsequences: false), types.count == 2,
            !types[0].isEmpty, !types[1].isEmpty
        else { return nil }
        var quality = 1.0
        for parameter in parts.dropFirst() where parameter.hasPrefix("q=") {
            guard let value = Double(parameter.dropFirst(2)), (0...1).contains(value) else { return nil }
            quality = value
        }
        return Range(type: String(types[0]), subtype: String(types[1]), quality: quality)
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    func trimmingBlanks() -> String {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var rest = Substring(self).utf8
        while let first = rest.first, isBlank(first) { rest.removeFirst() }
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(Substring(rest))
    }
}
