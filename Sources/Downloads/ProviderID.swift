// SPDX-License-Identifier: Apache-2.0

/// The name of a configured provider, such as `browserbase` or `vagon-eu`.
///
/// 1–64 characters of `a–z`, `0–9`, `-` and `_`, so that it is safe in a URL, a log and a metric label.
public struct ProviderID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The name as it stands in the configuration.
    public let name: String

    /// Accepts a well-formed name; anything else is `nil`.
    public init?(_ name: String) {
        let allowed = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        guard allowed, (1...64).contains(name.utf8.count) else { return nil }
        self.name = name
    }

    /// The name.
    public var description: String { self.name }

    /// Alphabetical order of the names.
    public static func < (left: Self, right: Self) -> Bool { left.name < right.name }
}
