// SPDX-License-Identifier: Apache-2.0

public import NIOCore

/// What is wanted of a file.
public struct ContentRequest: Hashable, Sendable {
    /// One range of it; `nil`: all.
    ///
    /// A provider may answer with the whole file all the same, see ``Content/range``.
    public var range: ByteRange?

    /// Creates a request; without arguments for the whole file.
    public init(range: ByteRange? = nil) { self.range = range }
}

/// An upstream's answer, at the moment when its head is there and its bytes are about to come.
public struct Content: Sendable {
    /// The bytes of *this* body that the upstream promised, where it did.
    public var length: Int64?
    /// The part of the file that ``body`` is; `nil`: the whole file, even if a range was asked for.
    public var range: ClosedRange<Int64>?
    /// The size of the whole file, where the upstream said it.
    public var totalSize: Int64?
    /// The upstream's media type; `nil` where it only says `application/octet-stream`, or what is no media type.
    public var mimeType: String?
    /// The upstream's strong validator, to hold later parts against.
    public var validator: String?
    /// Whether this answer says that parts of the file can be had, whatever the provider promises of all of them.
    public var hasRanges: Bool
    /// The bytes.
    ///
    /// Ending the iteration, or letting go of it, ends the transfer.
    public var body: ContentBody

    /// Creates an answer.
    public init(
        length: Int64?,
        range: ClosedRange<Int64>? = nil,
        totalSize: Int64? = nil,
        mimeType: String? = nil,
        validator: String? = nil,
        hasRanges: Bool = false,
        body: ContentBody
    ) {
        self.length = length
        self.range = range
        self.totalSize = totalSize
        self.mimeType = mimeType.flatMap(MediaTypes.wellFormed)
        self.validator = validator
        self.hasRanges = hasRanges
        self.body = body
    }
}

/// Reads the bytes of a body, once and for one task.
public protocol ContentReader: AnyObject {
    /// The next bytes, never an empty buffer; `nil` at a *complete* end.
    ///
    /// Throws at any other end.
    func next() async throws(ProviderError) -> ByteBuffer?

    /// Whether ``relay(into:atMost:)`` may have bytes to move; `false` where nothing else is said.
    var canRelay: Bool { get }

    /// Has the system move the next bytes, `limit` at most, into a socket, without anybody's seeing them: how many there were;
    /// `nil` where that cannot be done, or no more, and ``next()`` goes on.
    ///
    /// It returns within a second where bytes came, or none from the upstream: 0 then. What is written to the socket meanwhile
    /// would get between them. A reader that was relayed is relayed to its end, where ``next()`` answers `nil` or throws.
    func relay(into socket: CInt, atMost limit: Int64) async throws(ProviderError) -> Int64?
}

extension ContentReader {
    /// It has not.
    public var canRelay: Bool { false }

    /// That cannot be done.
    public func relay(into socket: CInt, atMost limit: Int64) async throws(ProviderError) -> Int64? { nil }
}

/// The bytes of a file, pulled: nothing is read from the upstream much before it is asked for.
///
/// It can be iterated once. Cancelling the iterating task ends the transfer with ``ProviderError/Kind/cancelled``.
public struct ContentBody: AsyncSequence, Sendable {
    /// Bytes; never an empty buffer.
    public typealias Element = ByteBuffer

    /// Begins the one iteration, for a body that is made of this one.
    public let makeReader: @Sendable () -> any ContentReader

    /// Creates a body; its reader is made once, by the one iteration.
    public init(reading makeReader: @autoclosure @escaping @Sendable () -> any ContentReader) {
        self.makeReader = makeReader
    }

    /// Takes the bytes from `next`, which answers `nil` at a *complete* end and throws at any other.
    public typealias Next = () async throws(ProviderError) -> ByteBuffer?

    /// Creates a body; `makeNext` is called once, by the one iteration.
    public init(_ makeNext: @escaping @Sendable () -> Next) { self.init(reading: ClosureReader(makeNext())) }

    /// A body of bytes that are already there.
    public init(_ bytes: ByteBuffer) {
        self.init {
            var rest: ByteBuffer? = bytes.readableBytes > 0 ? bytes : nil
            return { () async throws(ProviderError) -> ByteBuffer? in
                defer { rest = nil }
                return rest
            }
        }
    }

    /// Begins the one iteration.
    public func makeAsyncIterator() -> Iterator { Iterator(reader: self.makeReader()) }

    /// Pulls the bytes.
    public struct Iterator: AsyncIteratorProtocol {
        let reader: any ContentReader

        /// The next bytes; `nil` after the last.
        ///
        /// Throws where the body broke off.
        public mutating func next() async throws(ProviderError) -> ByteBuffer? {
            try await self.reader.next()
        }

        /// The next bytes, for `for try await` under any isolation.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ProviderError) -> ByteBuffer? {
            try await self.reader.next()
        }
    }
}

private final class ClosureReader: ContentReader {
    private let nextBytes: ContentBody.Next

    init(_ nextBytes: @escaping ContentBody.Next) { self.nextBytes = nextBytes }

    func next() async throws(ProviderError) -> ByteBuffer? { try await self.nextBytes() }
}
