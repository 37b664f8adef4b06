// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import NIOCore
import Synchronization

/// The bytes of an upstream's answer, scripted: piece by piece, up to a gate, to a complete end or to a broken one.
final class FakeBody: Sendable {
    enum Ending: Sendable {
        /// `nil`, whether or not the promise was kept.
        case clean
        /// A connection that broke.
        case broken
        /// Nothing more until the gate opens, then the rest, then clean.
        case gate(Gate, rest: Data = Data())
    }

    private struct State {
        var position = 0
        var wasCancelled = false
        var wasRead = false
        var isRestGiven = false
    }

    private let bytes: Data
    private let piece: Int
    private let ending: Ending
    private let state = Mutex(State())

    init(_ bytes: Data, piece: Int = 16 * 1024, ending: Ending = .clean) {
        self.bytes = bytes
        self.piece = piece
        self.ending = ending
    }

    /// Bytes that were pulled so far.
    var pulled: Int { self.state.withLock { $0.position } }
    /// Whether the reading task was cancelled while it waited.
    var wasCancelled: Bool { self.state.withLock { $0.wasCancelled } }
    /// Whether the iteration began.
    var wasRead: Bool { self.state.withLock { $0.wasRead } }

    var body: ContentBody {
        ContentBody {
            self.state.withLock { $0.wasRead = true }
            return { () async throws(ProviderError) -> ByteBuffer? in try await self.next() }
        }
    }

    private func next() async throws(ProviderError) -> ByteBuffer? {
        guard !Task.isCancelled else {
            self.state.withLock { $0.wasCancelled = true }
            throw .cancelled
        }
        let slice = self.slice()
        guard slice.isEmpty else { return ByteBuffer(bytes: slice) }
        switch self.ending {
        case .clean: return nil
        case .broken:
            throw ProviderError(.unavailable, message: "The upstream's connection broke.", cause: "secret-of-the-cause")
        case .gate(let gate, let rest):
            do { try await gate.wait() } catch {
                self.state.withLock { $0.wasCancelled = true }
                throw .cancelled
            }
            return self.slice(of: rest)
        }
    }

    /// The next piece of the bytes; empty after the last.
    private func slice() -> Data {
        self.state.withLock { state in
            let end = min(state.position + self.piece, self.bytes.count)
            defer { state.position = end }
            return self.bytes[state.position..<end]
        }
    }

    /// `rest` in one piece, the first time.
    private func slice(of rest: Data) -> ByteBuffer? {
        self.state.withLock { state in
            guard !state.isRestGiven, !rest.isEmpty else { return nil }
            state.isRestGiven = true
            return ByteBuffer(bytes: rest)
        }
    }
}

extension Data {
    /// Bytes that are the same each time and repeat only after 251.
    static func pattern(_ count: Int) -> Data { Data((0..<count).map { UInt8($0 % 251) }) }
}
