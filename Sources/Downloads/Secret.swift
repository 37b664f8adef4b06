// SPDX-License-Identifier: Apache-2.0

/// A text that must not be seen: it cannot be printed, interpolated, encoded or reflected.
///
/// ``reveal()`` is the only way to the text, so that a search for it finds every use.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    /// Takes a text into custody.
    public init(_ text: String) { self.text = text }

    /// The text itself, for the one place that sends or hashes it.
    public func reveal() -> String { self.text }

    /// Whether there is nothing to hide.
    public var isEmpty: Bool { self.text.isEmpty }

    /// `<secret>`.
    public var description: String { "<secret>" }

    /// `<secret>`.
    public var debugDescription: String { "<secret>" }

    /// Shows no children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
