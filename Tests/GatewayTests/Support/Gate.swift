// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

/// A door that a test opens by hand; what comes before waits, what comes after passes.
final class Gate: Sendable {
    private struct State {
        var isOpen: Bool
        var next = 0
        var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
        /// Who was cancelled before it could be put among the waiters.
        var gone: Set<Int> = []
    }

    private enum Arrival {
        case wait, pass, gone
    }

    private let state: Mutex<State>

    init(isOpen: Bool = false) { self.state = Mutex(State(isOpen: isOpen)) }

    /// How many wait now.
    var waiting: Int { self.state.withLock { $0.waiters.count } }

    /// Lets everyone through, now and from now on.
    func open() {
        let waiters = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Has whoever comes from now on wait.
    func close() { self.state.withLock { $0.isOpen = false } }

    /// Waits until the gate is open; throws when the task is cancelled.
    func wait() async throws {
        let number = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let arrival: Arrival = self.state.withLock { state in
                    if state.isOpen { return .pass }
                    if state.gone.remove(number) != nil { return .gone }
                    state.waiters[number] = continuation
                    return .wait
                }
                switch arrival {
                case .wait: break
                case .pass: continuation.resume()
                case .gone: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            let waiter = self.state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: number)
                if waiter == nil { state.gone.insert(number) }
                return waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}

/// What was waited for did not happen.
struct NeverHappened: Error {}

/// Waits until `condition` holds; fails the test where it never does.
func eventually(
    _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    for _ in 0..<4000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("It never happened that \(what).", sourceLocation: sourceLocation)
    throw NeverHappened()
}
