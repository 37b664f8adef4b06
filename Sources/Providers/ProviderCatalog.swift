// SPDX-License-Identifier: Apache-2.0

public import Downloads
public import Logging
public import Transfer

/// The one list of adapters: turns what an operator configured into providers.
public struct ProviderCatalog: Sendable {
    /// Creates a catalogue whose providers use `transfer`.
    public init(transfer: TransferClient, limits: TransferLimits, retry: RetryPolicy = RetryPolicy(), logger: Logger) {}

    /// The kinds that there are.
    public static let kinds: [String] = []

    /// Everything that is wrong with a configuration; empty: an entry can be made of it.
    public static func problems(in configuration: ProviderConfiguration) -> [FieldProblem] { [] }

    /// The provider in its layers; without a usable credential an `unconfigured` entry.
    public func makeEntry(_ configuration: ProviderConfiguration) throws(FieldProblem) -> ProviderSet.Entry {
        throw FieldProblem(field: "kind", message: "unknown")
    }
}
