// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes
public import NIOCore

/// One HTTP request to an upstream.
public struct TransferRequest: Sendable {
    /// The method.
    public var method: HTTPRequest.Method
    /// An absolute http or https URL, percent-encoded.
    public var url: String
    /// Fields that any host may see.
    public var headers: HTTPFields
    /// Fields that only the origin of ``url`` may see; left out from the first redirect to another one on.
    public var originHeaders: HTTPFields
    /// Fields that only ``trustedOrigin`` may see; left out for any other, also after a redirect.
    public var credentials: HTTPFields
    /// The origin that the operator configured: exempt from the egress policy, and the only one that gets ``credentials``.
    public var trustedOrigin: Origin?
    /// What is sent.
    public var body: TransferRequestBody
    /// Time and size limits.
    public var limits: TransferLimits
    /// How many redirects are followed, each judged anew; with 0 a redirect is answered as it is.
    public var maxRedirects: Int
    /// It changes something although its method does not say so: no connection from the pool may make libcurl send it twice.
    public var writes: Bool

    /// Creates a request.
    public init(
        method: HTTPRequest.Method = .get,
        url: String,
        headers: HTTPFields = [:],
        originHeaders: HTTPFields = [:],
        credentials: HTTPFields = [:],
        trustedOrigin: Origin? = nil,
        body: TransferRequestBody = .none,
        limits: TransferLimits = TransferLimits(),
        maxRedirects: Int = 0,
        writes: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.originHeaders = originHeaders
        self.credentials = credentials
        self.trustedOrigin = trustedOrigin
        self.body = body
        self.limits = limits
        self.maxRedirects = maxRedirects
        self.writes = writes
    }
}

/// What a request sends.
public enum TransferRequestBody: Sendable {
    /// Nothing.
    case none
    /// Bytes that are there.
    case bytes(ByteBuffer)
    /// Bytes that come, pulled no faster than the upstream takes them; without a length they are sent chunked.
    case stream(length: Int64?, any AsyncSequence<ByteBuffer, any Error> & Sendable)
}

/// When a transfer is given up.
public struct TransferLimits: Hashable, Sendable {
    /// For the connection, name look-up and TLS included.
    public var connect: Duration
    /// From the request to the first byte of the answer.
    public var firstByte: Duration
    /// Without a byte, once they flow.
    ///
    /// Time that the reader takes does not count.
    public var idle: Duration

    /// Creates limits.
    public init(connect: Duration = .seconds(5), firstByte: Duration = .seconds(30), idle: Duration = .seconds(30)) {
        self.connect = connect
        self.firstByte = firstByte
        self.idle = idle
    }
}
