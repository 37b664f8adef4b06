// SPDX-License-Identifier: Apache-2.0

/// A pattern of session ids: `*` stands for any characters, also none, `?` for exactly one.
///
/// There are no other special characters. Matching remembers one `*` only, so that no pattern takes longer than the
/// product of both lengths.
public struct SessionGlob: Hashable, Sendable, CustomStringConvertible {
    /// The pattern as it was written.
    public let pattern: String

    private let scalars: [Unicode.Scalar]

    /// Accepts 1–256 bytes without control characters; anything else is `nil`.
    public init?(_ pattern: String) {
        guard (1...256).contains(pattern.utf8.count),
            pattern.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { return nil }
        self.pattern = pattern
        self.scalars = Array(pattern.unicodeScalars)
    }

    /// The pattern.
    public var description: String { self.pattern }

    /// Whether the whole of `session` fits the pattern; letter case counts.
    public func matches(_ session: String) -> Bool {
        let text = Array(session.unicodeScalars)
        var inPattern = 0
        var inText = 0
        // Where to go on when a later part does not fit: after the last `*`, which then stands for one more character.
        var retry: (pattern: Int, text: Int)?
        while inText < text.count {
            if inPattern < self.scalars.count, self.scalars[inPattern] == "*" {
                retry = (inPattern + 1, inText)
                inPattern += 1
            } else if inPattern < self.scalars.count,
                self.scalars[inPattern] == "?" || self.scalars[inPattern] == text[inText]
            {
                inPattern += 1
                inText += 1
            } else if let last = retry {
                retry = (last.pattern, last.text + 1)
                inPattern = last.pattern
                inText = last.text + 1
            } else {
                return false
            }
        }
        return self.scalars[inPattern...].allSatisfy { $0 == "*" }
    }
}
