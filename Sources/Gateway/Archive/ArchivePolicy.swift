// SPDX-License-Identifier: Apache-2.0

/// How large an archive may become, and how long it may take.
public struct ArchivePolicy: Sendable, Hashable {
    /// The most files; lists in forms without pages are cut there too.
    public var maxFiles: Int
    /// The most bytes of all files together.
    public var maxBytes: Int64
    /// The longest time from the first byte to the last, in seconds.
    public var maxTime: Double

    /// Creates a policy.
    public init(maxFiles: Int = 10_000, maxBytes: Int64 = 100_000_000_000, maxTime: Double = 12 * 3600) {
        self.maxFiles = maxFiles
        self.maxBytes = maxBytes
        self.maxTime = maxTime
    }

    /// What the numbers of a zip are never asked to go beyond, whatever was configured.
    private static let mostBytes: Int64 = 1 << 60

    /// ``maxBytes``, with room above it for the sums that are made of it.
    var byteLimit: Int64 { min(self.maxBytes, Self.mostBytes) }
}
