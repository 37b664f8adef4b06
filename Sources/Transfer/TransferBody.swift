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
    /// The producer traps on a second iterator, so the first one is remembered.
    private let isTaken = NIOLockedValueBox(false)

    init(_ producer: Producer) {
        self.producer = producer
    }

    /// Begins the one iteration; a second one throws at once.
    public func makeAsyncIterator() -> Iterator {
        let isFirst = self.isTaken.withLockedValue { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
        return Iterator(isFirst ? self.producer.makeAsyncIterator() : nil)
    }

    /// Pulls the bytes.
    public struct Iterator: AsyncIteratorProtocol {
        private var bytes: Producer.AsyncIterator?
        private var failure: TransferError?

        fileprivate init(_ bytes: Producer.AsyncIterator?) {
            self.bytes = bytes
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
            do {
                return try await self.bytes?.next(isolation: actor)
            } catch {
                let failure = error as? TransferError ?? TransferError(.cancelled)
                self.failure = failure
                throw failure
            }
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

/// Tells the client what the reader of a body does.
final class TransferDelegate: NIOAsyncSequenceProducerDelegate {
    private let client: TransferClient
    private let id: TransferID

    init(client: TransferClient, id: TransferID) {
        self.client = client
        self.id = id
    }

    func produceMore() {
        let id = self.id
        self.client.post { $0.resume(id) }
    }

    func didTerminate() {
        let id = self.id
        self.client.post { $0.remove(id, TransferError(.cancelled)) }
    }
}
