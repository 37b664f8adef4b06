// SPDX-License-Identifier: Apache-2.0

import Downloads

/// Why a change of the providers was not made; nothing of it was.
enum ProviderRefusal: Error, Hashable {
    /// There is no such provider or credential.
    case notFound
    /// Fields at fault, as paths in a ``ProviderConfiguration``.
    case invalid([FieldProblem])
    /// It contradicts what there is; the text says what, and what to do.
    case conflict(String)

    static func readOnly(_ id: ProviderID) -> ProviderRefusal {
        .conflict("The provider '\(id)' is in the configuration file; change it there.")
    }

    static let rotated = ProviderRefusal.conflict(
        "The master secret was exchanged; restart the gateway with the new one before you add what must be sealed."
    )
}
