// SPDX-License-Identifier: Apache-2.0

/// The transfers of the process, as whoever makes them counts them.
public struct TransferCount: Sendable {
    /// That go on now.
    public var open: Int
    /// That were begun since the start.
    public var begun: Int64

    /// Creates a count.
    public init(open: Int = 0, begun: Int64 = 0) {
        self.open = open
        self.begun = begun
    }
}
