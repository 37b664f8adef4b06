// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes
public import NIOCore

/// An upstream's answer, at the moment when its head is there.
public struct TransferResponse: Sendable {
    /// The status code.
    public var status: Int
    /// The header fields of the last hop.
    public var headers: HTTPFields
    /// The URL that answered, after redirects.
    public var url: String
    /// The bytes; letting go of them ends the transfer.
    public var body: TransferBody
}

/// The bytes of an answer, pulled under back-pressure. It can be iterated once.
public struct TransferBody: AsyncSequence, Sendable {
    /// Bytes; never an empty buffer.
    public typealias Element = ByteBuffer

    /// Begins the one iteration.
    public func makeAsyncIterator() -> Iterator { Iterator() }

    /// Pulls the bytes.
    public struct Iterator: AsyncIteratorProtocol {
        /// The next bytes; `nil` after the last. Throws where the body broke off, was too slow, or the task was cancelled.
        public mutating func next() async throws(TransferError) -> ByteBuffer? {
            nil
        }

        /// The next bytes, for `for try await` under any isolation.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(TransferError) -> ByteBuffer? {
            nil
        }
    }

    /// All bytes; throws `tooLarge` past `limit`.
    public func collect(upTo limit: Int) async throws(TransferError) -> ByteBuffer {
        ByteBuffer()
    }
}
