// SPDX-License-Identifier: Apache-2.0

public import Foundation
import Synchronization

/// What ``ObservedProvider`` saw of a provider: its last success and its last failure.
public final class ProviderHealth: Sendable {
    /// How a provider does.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// The last call succeeded, or none was made yet.
        case ok
        /// The last call failed in a way that the next one may not.
        case degraded
        /// It refuses our credential, or several calls in a row failed.
        case down
        /// It has no usable credential.
        case unconfigured
    }

    /// A moment's view.
    public struct Snapshot: Sendable {
        /// How it does.
        public var state: State
        /// When a call last succeeded.
        public var lastSuccessAt: Date?
        /// When a call last failed.
        public var lastErrorAt: Date?
        /// What the last failure was, fit to be shown.
        public var lastError: String?
        /// Failures since the last success.
        var failures = 0
    }

    /// How often it was asked, and what came of it.
    public let calls = ProviderCalls()

    private let snapshotBox: Mutex<Snapshot>

    /// Starts with nothing known.
    public init(configured: Bool) {
        self.snapshotBox = Mutex(Snapshot(state: configured ? .ok : .unconfigured))
    }

    /// What is known now.
    public var snapshot: Snapshot { self.snapshotBox.withLock { $0 } }

    func succeeded(at time: Date) {
        self.snapshotBox.withLock { snapshot in
            snapshot.state = .ok
            snapshot.lastSuccessAt = time
            snapshot.failures = 0
        }
    }

    func failed(_ error: ProviderError, at time: Date) {
        self.snapshotBox.withLock { snapshot in
            snapshot.failures = min(snapshot.failures + 1, 1000)
            snapshot.state = error.kind == .unauthorized || snapshot.failures >= 3 ? .down : .degraded
            snapshot.lastErrorAt = time
            snapshot.lastError = error.message
        }
    }
}
