// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
public import NIOCore

/// The bytes of an answer, pulled under back-pressure.
///
/// It can be iterated once.
public struct TransferBody: AsyncSequence, Sendable {
    /// Bytes; never an empty buffer.
    public typealias Element = ByteBuffer

    typealias Producer = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, TransferDelegate
    >

    private let producer: Producer
    private let delegate: TransferDelegate
    /// The producer traps on a second iterator, so the first one is remembered.
    private let isTaken = NIOLockedValueBox(false)

    init(_ producer: Producer, _ delegate: TransferDelegate) {
        self.producer = producer
        self.delegate = delegate
    }

    /// Begins the one iteration; a second one throws at once.
    public func makeAsyncIterator() -> Iterator {
        let isFirst = self.isTaken.withLockedValue { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
        return Iterator(isFirst ? self.producer.makeAsyncIterator() : nil, self.delegate)
    }

    /// Pulls the bytes.
    public struct Iterator: AsyncIteratorProtocol {
        private var bytes: Producer.AsyncIterator?
        private let delegate: TransferDelegate
        private var failure: TransferError?

        fileprivate init(_ bytes: Producer.AsyncIterator?, _ delegate: TransferDelegate) {
            self.bytes = bytes
            self.delegate = delegate
            if bytes == nil { self.failure = TransferError(.closed, detail: "a body can be iterated once") }
        }

        /// The next bytes; `nil` after the last.
        ///
        /// Throws where the body broke off, was too slow, or the task was cancelled.
        public mutating func next() async throws(TransferError) -> ByteBuffer? {
            try await self.next(isolation: #isolation)
        }

        /// The next bytes, for `for try await` under any isolation.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(TransferError) -> ByteBuffer? {
            // A failure stays one: asked again, a broken body must not look like one that ended.
            if let failure = self.failure { throw failure }
            self.delegate.willTake()
            do {
                let next = try await self.bytes?.next(isolation: actor)
                self.delegate.didTake()
                return next
            } catch {
                let failure = error as? TransferError ?? TransferError(.cancelled)
                self.failure = failure
                throw failure
            }
        }

        /// Whether ``relay(into:atMost:)`` may have bytes to move: some were read, none waits, and the rest is long and as it
        /// lies in its socket.
        public var canRelay: Bool { self.failure == nil && self.delegate.canRelay }

        /// Has the system move the next bytes into a socket, past the memory of this process: how many there were; `nil`
        /// where that cannot be done, or no more, and ``next()`` knows why.
        ///
        /// It returns after `limit` bytes, at the body's end, or after a second; without a byte only where none came from the
        /// upstream. A body of which bytes were relayed is relayed to its end. The socket, which must not wait, belongs to
        /// this call until it returns. Cancelling the task ends the transfer.
        public func relay(into socket: CInt, atMost limit: Int) async -> Int? {
            guard limit > 0, self.canRelay else { return nil }
            return await self.delegate.relay(into: socket, atMost: limit)
        }
    }

    /// All bytes; throws `tooLarge` past `limit`.
    public func collect(upTo limit: Int) async throws(TransferError) -> ByteBuffer {
        var all = ByteBuffer()
        var iterator = self.makeAsyncIterator()
        while var next = try await iterator.next() {
            guard next.readableBytes <= limit - all.readableBytes else { throw TransferError(.tooLarge) }
            if all.readableBytes == 0 { all = next } else { all.writeBuffer(&next) }
        }
        return all
    }
}

/// Tells the driver what the reader of a body does.
final class TransferDelegate: NIOAsyncSequenceProducerDelegate {
    private struct State {
        /// Pieces that were handed on and not taken.
        var pieces = 0
        /// `nil` before the first piece: until then nothing holds the transfer back.
        var isOnDemand: Bool?
        var mayBeRelayed = false
        var hasEnded = false
    }

    private let driver: TransferDriver
    private let id: TransferID
    private let state = NIOLockedValueBox(State())

    init(driver: TransferDriver, id: TransferID) {
        self.driver = driver
        self.id = id
    }

    /// A piece is about to be handed on; the next one is then fetched at once, or, on demand, when the reader has none left
    /// and asks.
    func willYield(isOnDemand: Bool, mayBeRelayed: Bool) {
        self.state.withLockedValue { state in
            state.pieces += 1
            state.isOnDemand = isOnDemand
            state.mayBeRelayed = mayBeRelayed
        }
    }

    var canRelay: Bool { self.state.withLockedValue { $0.mayBeRelayed && $0.pieces == 0 && !$0.hasEnded } }

    func relay(into socket: CInt, atMost limit: Int) async -> Int? {
        await self.driver.relay(self.id, into: socket, atMost: limit)
    }

    /// The reader asks for a piece.
    func willTake() {
        self.resume { $0.isOnDemand == true && $0.pieces == 0 }
    }

    /// The reader has it.
    func didTake() { self.state.withLockedValue { $0.pieces -= 1 } }

    func produceMore() {
        self.resume { $0.isOnDemand == false }
    }

    /// The transfer has ended: what its reader does from now on is nothing to wake the driver for.
    func end() { self.state.withLockedValue { $0.hasEnded = true } }

    func didTerminate() {
        guard !self.state.withLockedValue(\.hasEnded) else { return }
        let id = self.id
        self.driver.post { $0.remove(id, TransferError(.cancelled)) }
    }

    private func resume(where isDue: (State) -> Bool) {
        guard self.state.withLockedValue({ !$0.hasEnded && isDue($0) }) else { return }
        let id = self.id
        self.driver.post { $0.resume(id) }
    }
}
