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
        ContentBody {
            let reader = CheckedReader(IteratorBox(self.makeAsyncIterator()), length, sha256, mismatch)
            return { () async throws(ProviderError) -> ByteBuffer? in try await reader.next() }
        }
    }

    /// This body, telling of the error that it ends with, but not of our own task's end.
    func reporting(_ report: @escaping @Sendable (ProviderError) -> Void) -> ContentBody {
        ContentBody {
            let source = IteratorBox(self.makeAsyncIterator())
            return { () async throws(ProviderError) -> ByteBuffer? in
                do throws(ProviderError) {
                    return try await source.next()
                } catch {
                    if error.kind != .cancelled { report(error) }
                    throw error
                }
            }
        }
    }
}

/// The one iteration of a body that is held to its promises.
private final class CheckedReader {
    private let source: IteratorBox
    private let length: Int64?
    private let digest: String?
    /// Thrown where the bytes have another one.
    private let mismatch: ProviderError
    private var hash = SHA256()
    private var count: Int64 = 0
    /// What was read to know whether the piece before it was the last.
    private var following: ByteBuffer?
    private var isAtEnd = false

    init(_ source: IteratorBox, _ length: Int64?, _ digest: String?, _ mismatch: ProviderError) {
        self.mismatch = mismatch
        self.source = source
        self.length = length
        self.digest = digest?.lowercased()
    }

    func next() async throws(ProviderError) -> ByteBuffer? {
        guard !self.isAtEnd else { return nil }
        guard let buffer = try await self.piece() else {
            try self.end()
            return nil
        }
        self.count += Int64(buffer.readableBytes)
        if self.digest != nil { buffer.withUnsafeReadableBytes { self.hash.update(bufferPointer: $0) } }
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

    private func piece() async throws(ProviderError) -> ByteBuffer? {
        guard let known = self.following else { return try await self.source.next() }
        self.following = nil
        return known
    }

    private func end() throws(ProviderError) {
        self.isAtEnd = true
        guard self.count == self.length ?? self.count else { throw .brokenOff }
        guard let digest, Data(self.hash.finalize()).hexadecimal != digest else { return }
        throw self.mismatch
    }
}

extension ProviderError {
    /// A body that is not the file that was listed.
    static var wrongDigest: ProviderError {
        ProviderError(.malformedResponse, message: "The upstream's bytes do not have the SHA-256 that it lists.")
    }

    /// A body that is not as long as it has to be; the rest may come at another try.
    static var brokenOff: ProviderError {
        ProviderError(
            .malformedResponse,
            retry: .now,
            message: "The upstream's body does not have the length that it promised."
        )
    }
}
