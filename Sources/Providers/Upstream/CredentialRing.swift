// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Credentials that are used in turn, one for each request.
final class CredentialRing<Credential: Sendable>: Sendable {
    private let credentials: [Credential]
    private let uses = Atomic<Int>(0)

    /// Takes the credentials.
    init(_ credentials: [Credential]) { self.credentials = credentials }

    /// The one whose turn it is; `nil` where there is none.
    func next() -> Credential? {
        guard !self.credentials.isEmpty else { return nil }
        // Wraps around at the end of the numbers instead of trapping.
        let use = self.uses.wrappingAdd(1, ordering: .relaxed).oldValue
        return self.credentials[Int(UInt(bitPattern: use) % UInt(self.credentials.count))]
    }
}
