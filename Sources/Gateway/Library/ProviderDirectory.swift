// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import NIOConcurrencyHelpers

/// The providers as they are now, and the ids of their downloads; replaced as a whole.
///
/// Who works with ``current`` keeps what it took, so that a request goes on with the provider that it began with.
final class ProviderDirectory: Sendable {
    /// The providers of one moment.
    struct Snapshot: Sendable {
        /// In the order in which they are shown.
        let registered: [RegisteredProvider]
        /// The same, to be asked.
        let providers: ProviderSet
        let ids: DownloadID

        fileprivate init(_ registered: [RegisteredProvider], root: SymmetricKey) {
            self.registered = registered
            self.providers = ProviderSet(registered.map(\.entry))
            self.ids = DownloadID(secret: root, providers: registered.map(\.id))
        }

        /// The one with a name.
        func registered(_ id: ProviderID) -> RegisteredProvider? { self.registered.first { $0.id == id } }
    }

    private let root: SymmetricKey
    private let box: NIOLockedValueBox<Snapshot>

    init(_ registered: [RegisteredProvider], root: SymmetricKey) {
        self.root = root
        self.box = NIOLockedValueBox(Snapshot(registered, root: root))
    }

    var current: Snapshot { self.box.withLockedValue { $0 } }

    /// From now on there are these.
    func replace(_ registered: [RegisteredProvider]) {
        let snapshot = Snapshot(registered, root: self.root)
        self.box.withLockedValue { $0 = snapshot }
    }
}
