// SPDX-License-Identifier: Apache-2.0

import Crypto
import Downloads
import Foundation
import NIOCore

extension ContentBody {
    /// This body, ending with an error unless it has exactly `length` bytes, and the digest `sha256` in hex where there is one.
    ///
    /// The last bytes are held back until the upstream's own end and the digest are known: a reader who counts bytes must not
    /// take for whole what runs on, or what is not the file.
    func held(
        to length: Int64?,
        sha256: String? = nil,
        mismatch: ProviderError = .wrongDigest
    ) -> ContentBody {
        ContentBody(reading: CheckedReader(self.makeReader(), length, sha256, mismatch))
    }

    /// This body, telling of the error that it ends with, but not of our own task's end.
    func reporting(_ report: @escaping @Sendable (ProviderError) -> Void) -> ContentBody {
        ContentBody(reading: ReportingReader(self.makeReader(), report))
    }
}

/// The one iteration of a body that tells how it fails.
private final class ReportingReader: ContentReader {
    private let source: any ContentReader
    private let report: @Sendable (ProviderError) -> Void

    init(_ source: any ContentReader, _ report: @escaping @Sendable (ProviderError) -> Void) {
        self.source = source
        self.report = report
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        do throws(ProviderError) {
            return try await self.source.next()
        } catch {
            if error.kind != .cancelled { self.report(error) }
            throw error
        }
    }

    var canRelay: Bool { self.source.canRelay }

    func relay(into socket: CInt, atMost limit: Int64) async throws(ProviderError) -> Int64? {
        try await self.source.relay(into: socket, atMost: limit)
    }
}

/// The one iteration of a body that is held to its promises.
private final class CheckedReader: ContentReader {
    private let source: any ContentReader
    private let length: Int64?
    private let digest: String?
    /// Thrown where the bytes have another one.
    private let mismatch: ProviderError
    /// `nil` where no digest is known.
    private var hash: SHA256?
    private var count: Int64 = 0
    /// What was read to know whether the piece before it was the last.
    private var following: ByteBuffer?
    private var isAtEnd = false

    init(_ source: any ContentReader, _ length: Int64?, _ digest: String?, _ mismatch: ProviderError) {
        self.mismatch = mismatch
        self.source = source
        self.length = length
        self.digest = digest?.lowercased()
        self.hash = digest.map { _ in SHA256() }
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        guard !self.isAtEnd else { return nil }
        guard let buffer = try await self.piece() else {
            try self.end()
            return nil
        }
        self.count += Int64(buffer.readableBytes)
        buffer.withUnsafeReadableBytes { self.hash?.update(bufferPointer: $0) }
        if let length {
            guard self.count <= length else { throw .brokenOff }
            // Only what completes the promise may be the last.
            guard self.count == length else { return buffer }
        } else if self.digest == nil {
            return buffer
        }
        self.following = try await self.source.next()
        if self.following == nil { try self.end() } else if self.length != nil { throw .brokenOff }
        return buffer
    }

    /// What nobody sees has no digest, and is held back by nobody: it ends where its upstream said at the beginning.
    var canRelay: Bool {
        self.hash == nil && self.length.map { self.count < $0 } == true && self.following == nil && self.source.canRelay
    }

    func relay(into socket: CInt, atMost limit: Int64) async throws(ProviderError) -> Int64? {
        guard self.canRelay, let length else { return nil }
        let count = try await self.source.relay(into: socket, atMost: min(limit, length - self.count))
        self.count += count ?? 0
        return count
    }

    private func piece() async throws(ProviderError) -> ByteBuffer? {
        guard let known = self.following else { return try await self.source.next() }
        self.following = nil
        return known
    }

    private func end() throws(ProviderError) {
        self.isAtEnd = true
        guard self.count == self.length ?? self.count else { throw .brokenOff }
        guard self.hash?.finalize().hexadecimal == self.digest else { throw self.mismatch }
    }
}

extension ProviderError {
    /// A body that is not the file that was listed.
    static let wrongDigest = ProviderError(
        .malformedResponse,
        message: "The upstream's bytes do not have the SHA-256 that it lists."
    )

    /// A body that is not as long as it has to be; the rest may come at another try.
    static let brokenOff = ProviderError(
        .malformedResponse,
        retry: .now,
        message: "The upstream's body does not have the length that it promised."
    )
}
